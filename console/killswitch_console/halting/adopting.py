"""Newcomers: what appears in a halt's scope after its plan is halted too, durably recorded before, and said so.

What a person would have to decide (a target shared with agents outside, a protected one) is left and named.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from killswitch_console.halting import happenings
from killswitch_console.halting.board import Board
from killswitch_console.halting.events import Adopted
from killswitch_console.halting.means import Means
from killswitch_console.halting.plan import Choice, Untouched, choose
from killswitch_console.halting.planning import ask_all, sort_out
from killswitch_console.halting.progress import TargetProgress
from killswitch_console.halting.record import HaltHeader, HaltRecord
from killswitch_inventory.agents import Agent, AgentKey
from killswitch_inventory.scopes import ScopeKind
from killswitch_inventory.targets import TargetId


@dataclass(frozen=True, slots=True)
class Newcomers:
    """What is to be added to a halt: its header with them, their targets, and what must be left."""

    header: HaltHeader
    agents: tuple[AgentKey, ...]
    targets: tuple[TargetProgress, ...]
    left: tuple[Untouched, ...]


class Adopting:
    """Finds what is new in the scope of one halt that runs or is held."""

    def __init__(self, record: HaltRecord, means: Means) -> None:
        self._means = means
        self._scope = record.header.scope
        self._put_back = record.put_back_scopes
        self._known = {t.target for t in record.targets}
        self._left = {u.id for u in record.header.untouched}
        self._new: set[TargetId] = set()
        if self._grows:
            self.hear(means.fleet.agents(self._scope))

    @property
    def _grows(self) -> bool:
        """An instance is one running copy: nothing else can appear in it."""
        return self._scope.kind is not ScopeKind.INSTANCE

    def hear(self, agents: Iterable[Agent]) -> None:
        """Take note of agents that changed."""
        if not self._grows:
            return
        for agent in agents:
            if self._is_held(agent.key):
                self._new |= {b.target for b in agent.bindings} - self._known
        self._new = {target for target in self._new if str(target) not in self._left}

    def _is_held(self, key: AgentKey) -> bool:
        return self._scope.covers(key) and not any(part.covers(key) for part in self._put_back)

    @property
    def waiting(self) -> bool:
        """Whether something new was heard of, and not taken yet."""
        return bool(self._new)

    async def take(self, header: HaltHeader) -> Newcomers | None:
        """Ask the platforms about what is new; None if nothing came of it.

        It is known from then on, also when a defect is met; who is cancelled meanwhile leaves it waiting.
        """
        new = frozenset(self._new)
        choice = self._choice(new)
        try:
            answers = await ask_all(choice, self._means.backends)
            asked, unable = sort_out(choice, answers)
            spared = await self._means.sparing(asked)
        except Exception:
            self._new -= new
            raise
        self._new -= new
        planned = [p for p in asked if str(p.target) not in {u.id for u in spared}]
        left = (*choice.untouched, *unable, *spared)
        self._known |= new
        self._left |= {u.id for u in left}
        if not planned and not left:
            return None
        at = self._means.now()
        targets = tuple(
            TargetProgress(
                target=p.target,
                layer=p.layer,
                agents=p.agents,
                captured=p.captured,
                running=p.captured.running if p.captured else None,
                adopted_at=at,
            )
            for p in planned
        )
        keys = {key for t in targets for key in t.agents} | {key for u in left for key in u.agents}
        agents = tuple(sorted(keys - set(header.agents)))
        grown = replace(
            header,
            agents=(*header.agents, *agents),
            newcomers=(*header.newcomers, *agents),
            untouched=(*header.untouched, *left),
        )
        return Newcomers(grown, agents, targets, left)

    def _choice(self, new: AbstractSet[TargetId]) -> Choice:
        """Of all that the scope comes down to now: what is new, held, and nobody else's."""
        whole = choose(self._means.fleet, self._scope, self._means.protection)
        shared = {c.target: c.agents for c in whole.collateral}
        held = {
            t: keys
            for t, all_keys in whole.targets.items()
            if t in new and (keys := tuple(key for key in all_keys if self._is_held(key)))
        }
        untouched = [u for u in whole.untouched if u.id in {str(t) for t in new}]
        for target in held.keys() & shared.keys():
            others = ", ".join(sorted({key.name for key in shared[target]})[:5])
            why = f"new, but shared with {others} outside the scope: halt it by its own scope if it must stop"
            untouched.append(Untouched(str(target), held[target], why, whole.layers[target]))
        return Choice(
            agents=whole.agents,
            targets={t: keys for t, keys in held.items() if t not in shared},
            layers=whole.layers,
            untouched=tuple(untouched),
            collateral=(),
        )


async def take_in(adopting: Adopting, header: HaltHeader, board: Board, means: Means) -> Newcomers | None:
    """Put what is new on a halt's board, durable before anything of it is changed, and say so; None: nothing is."""
    if (found := await adopting.take(header)) is None:
        return None
    board.adopt(found.targets, found.header)
    await board.make_durable(found.targets)
    targets = tuple(t.target for t in found.targets)
    board.tell(Adopted(board.halt_id, found.agents, targets, found.left))
    kind, data = happenings.newcomers_halted(found.agents, targets, found.left)
    means.recorder.note(kind, data, halt_id=board.halt_id)
    return found
