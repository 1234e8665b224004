"""Newcomers: what appears in a halt's scope after its plan is halted too, durably recorded before, and said so.

What a person would have to decide (a target shared with agents outside, a protected one) is left and named.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime

from killswitch_console.halting import happenings
from killswitch_console.halting.board import Board
from killswitch_console.halting.events import Adopted
from killswitch_console.halting.means import Means
from killswitch_console.halting.plan import Choice, PlannedTarget, Untouched, choose_among
from killswitch_console.halting.planning import ask_all, sort_out
from killswitch_console.halting.progress import TargetProgress
from killswitch_console.halting.record import HaltHeader, HaltRecord
from killswitch_console.halting.turns import SLICE
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
    """Finds what is new in the scope of one halt that runs or is held.

    Whoever changes is heard of. Who was there before is found by going through the scope once, at the first ``take``;
    that is done in slices, because a scope may be 100,000 agents and the loop has a halt to see to.
    """

    def __init__(self, record: HaltRecord, means: Means) -> None:
        self._means = means
        self._scope = record.header.scope
        self._put_back = record.put_back_scopes
        self._known = {t.target for t in record.targets}
        self._left = {u.id for u in record.header.untouched}
        self._new: set[TargetId] = set()
        self._unlooked: list[AgentKey] | None = None if self._grows else []
        """Agents that were there and still have to be looked at; None before the first ``take``."""

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
                self._note({binding.target for binding in agent.bindings})

    def _note(self, targets: set[TargetId]) -> None:
        """Keep what is new of the targets of an agent in scope."""
        self._new |= {target for target in targets - self._known if str(target) not in self._left}

    def _is_held(self, key: AgentKey) -> bool:
        return self._scope.covers(key) and not any(part.covers(key) for part in self._put_back)

    @property
    def waiting(self) -> bool:
        """Whether something new may wait to be taken: it was heard of, or the scope was not gone through yet."""
        return bool(self._new) or self._unlooked != []

    async def take(self, header: HaltHeader) -> Newcomers | None:
        """Ask the platforms about what is new; None if nothing came of it.

        It is known from then on, also when a defect is met; who is cancelled meanwhile leaves it waiting.
        """
        await self._look_through()
        if not (new := frozenset(self._new)):
            return None
        choice = await self._choice(new)
        try:
            answers = await ask_all(choice, self._means.backends)
            asked, unable = await sort_out(choice, answers)
            spared = await self._means.sparing(asked)
        except Exception:
            self._new -= new
            raise
        self._new -= new
        planned = [p for p in asked if str(p.target) not in {u.id for u in spared}]
        left = (*choice.untouched, *unable, *spared)
        self._known |= new
        self._left |= {u.id for u in left}
        return _newcomers(header, planned, left, self._means.now()) if planned or left else None

    async def _look_through(self) -> None:
        """Go through all agents once; who appears or changes meanwhile is heard of."""
        if self._unlooked is None:
            self._unlooked = list(self._means.fleet.keys())
        while self._unlooked:
            some = self._unlooked[-SLICE:]
            del self._unlooked[-SLICE:]
            for key in some:
                if self._is_held(key):
                    self._note(self._means.fleet.targets_of(key))
            await asyncio.sleep(0)

    async def _choice(self, new: AbstractSet[TargetId]) -> Choice:
        """Of all that the scope comes down to now: what is new, held, and nobody else's."""
        choice = await choose_among(self._means.fleet, self._scope, self._means.protection, self._bound_to(new))
        shared = {c.target: c.agents for c in choice.collateral}
        held = {
            t: keys
            for t, all_keys in choice.targets.items()
            if t in new and (keys := tuple(key for key in all_keys if self._is_held(key)))
        }
        ids = {str(target) for target in new}
        untouched = [u for u in choice.untouched if u.id in ids]
        for target in held.keys() & shared.keys():
            others = ", ".join(sorted({key.name for key in shared[target]})[:5])
            why = f"new, but shared with {others} outside the scope: halt it by its own scope if it must stop"
            untouched.append(Untouched(str(target), held[target], why, choice.layers[target]))
        return Choice(
            agents=choice.agents,
            targets={t: keys for t, keys in held.items() if t not in shared},
            layers=choice.layers,
            untouched=tuple(untouched),
            collateral=(),
        )

    def _bound_to(self, new: AbstractSet[TargetId]) -> list[Agent]:
        """The agents in scope that are bound to any of what is new."""
        fleet = self._means.fleet
        keys = {key for target in new for key in fleet.agents_of(target) if self._scope.covers(key)}
        return [agent for key in sorted(keys) if (agent := fleet.agent(key)) is not None]


def _newcomers(
    header: HaltHeader, planned: Iterable[PlannedTarget], left: tuple[Untouched, ...], at: datetime
) -> Newcomers:
    """What is to be halted of what is new, as pending targets, and the halt's header with all of it."""
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
