"""In which order a restore puts things back: one canary first, then class by class (or tenant by tenant). Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from killswitch_console.halting.progress import TargetProgress
from killswitch_inventory.agents import AgentKey
from killswitch_inventory.scopes import Scope, ScopeKind
from killswitch_inventory.targets import Layer


class OnFailure(StrEnum):
    """What a restore does when something cannot be put back. A conflict is no failure: it is set aside and shown."""

    STOP = "stop"
    """Leave the rest halted."""
    CONTINUE = "continue"
    UNDO = "undo"
    """Leave the rest halted, and halt again what was put back."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Targets that are put back together; the next stage waits until they are seen to work."""

    name: str
    targets: tuple[TargetProgress, ...]


def stages(due: Sequence[TargetProgress], scope: Scope) -> list[Stage]:
    """Split what is to be restored: the canary's targets alone, then one stage per class (in a class: per tenant)."""
    canary = _canary(due)
    first = [t for t in due if canary is not None and t.agents == (canary,)]
    groups: defaultdict[str, list[TargetProgress]] = defaultdict(list)
    for target in due:
        if target not in first:
            groups[_group(target, scope)].append(target)
    rest = [Stage(name, tuple(targets)) for name, targets in sorted(groups.items())]
    return [Stage(f"canary {canary}", tuple(first)), *rest] if first else rest


def _canary(due: Sequence[TargetProgress]) -> AgentKey | None:
    """The agent with the least at stake that can show that a restore works: it has a process that ran."""
    if len({key for t in due for key in t.agents}) < 2:
        return None
    running = [
        (t.captured.running, t.agents[0])
        for t in due
        if t.layer is Layer.PROCESS and len(t.agents) == 1 and t.captured and t.captured.running
    ]
    if running:
        return min(running)[1]
    own = [t.agents[0] for t in due if len(t.agents) == 1]
    return min(own) if own else None


def _group(target: TargetProgress, scope: Scope) -> str:
    """The class (in the restore of a class: the tenant) whose turn it is; of a shared target: the first one's."""
    if not target.agents:
        return ""
    first = min(target.agents)
    return first.tenant if scope.kind is ScopeKind.CLASS else first.agent_class
