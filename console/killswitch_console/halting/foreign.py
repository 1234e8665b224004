"""Halts of other bastions, found by the marks they left on their targets. Pure, but for reading prior states anew.

A mark tells which halt, whose, when, and what each target was; it tells no scope, profile or reason. So a foreign halt
is shown, and restored with at least the confirmation that what it touched would take.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from killswitch_inventory.agents import AgentKey
from killswitch_inventory.fleet import Fleet
from killswitch_inventory.scopes import Scope, ScopeKind
from killswitch_inventory.sightings import TargetSighting
from killswitch_inventory.targets import TargetId


@dataclass(frozen=True, slots=True)
class ForeignHalt:
    """What the marks on this bastion's platforms tell of a halt that its ledger does not know."""

    halt_id: str
    invoker: str
    at: str
    """When it was ordered, as the mark says; text from a platform."""
    targets: tuple[TargetId, ...]
    agents: tuple[AgentKey, ...]

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """The scopes that it may have had, narrowest first; the last is always ``global``."""
        return scopes_of(self.agents)

    @property
    def ordered_at(self) -> datetime | None:
        """``at`` as a time, if it is one."""
        try:
            found = datetime.fromisoformat(self.at)
        except ValueError:
            return None
        return found if found.tzinfo else None


def scopes_of(agents: Sequence[AgentKey]) -> tuple[Scope, ...]:
    """The scopes that a halt of these agents may have had, narrowest first; the last is always ``global``."""
    found: list[Scope] = []
    if len(names := {key.name for key in agents}) == 1:
        found.append(Scope(ScopeKind.AGENT, *names))
    if len(classes := {key.agent_class for key in agents}) == 1:
        found.append(Scope(ScopeKind.CLASS, *classes))
    if len(tenants := {key.tenant for key in agents}) == 1:
        found.append(Scope(ScopeKind.TENANT, *tenants))
    return (*found, Scope(ScopeKind.GLOBAL))


def foreign_halts(fleet: Fleet, known: Iterable[str]) -> tuple[ForeignHalt, ...]:
    """The halts whose marks are seen and whose ids are not known, by id."""
    ours = set(known)
    marked: defaultdict[str, list[TargetSighting]] = defaultdict(list)
    for seen in fleet.marked():
        if seen.mark is not None and seen.mark.halt_id not in ours:
            marked[seen.mark.halt_id].append(seen)
    return tuple(_foreign(fleet, halt_id, marked[halt_id]) for halt_id in sorted(marked))


def _foreign(fleet: Fleet, halt_id: str, seen: list[TargetSighting]) -> ForeignHalt:
    mark = seen[0].mark
    assert mark is not None  # noqa: S101  (only marked ones come here)
    agents = {key for one in seen for key in fleet.agents_of(one.target)}
    targets = tuple(sorted(one.target for one in seen))
    return ForeignHalt(halt_id, mark.invoker, mark.at, targets, tuple(sorted(agents)))
