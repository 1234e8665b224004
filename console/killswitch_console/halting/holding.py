"""Holding one halt: looking on for as long as it is in force, and halting again whatever acts again.

Decides nothing a person should: it keeps halted what was halted, and takes in what appears in the scope. It gives way
to whoever wants the halt's lease (a restore, a resume), and saves where everything stands before it does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Final

from killswitch_backends.protocol import Backend, Observation, Sight
from killswitch_backends.restores import RestoredElsewhere
from killswitch_console.halting import happenings
from killswitch_console.halting import progress as states
from killswitch_console.halting.adopting import Adopting, take_in
from killswitch_console.halting.board import Board
from killswitch_console.halting.events import HoldChanged
from killswitch_console.halting.lane import CHUNK, Lane
from killswitch_console.halting.lease import POLL_SECONDS, Lease
from killswitch_console.halting.means import Means
from killswitch_console.halting.progress import TargetProgress, TargetState
from killswitch_console.halting.record import HaltRecord, order_of
from killswitch_console.halting.yielding import Yielding
from killswitch_inventory.agents import Agent
from killswitch_inventory.sightings import HaltMark
from killswitch_inventory.targets import BackendRef, TargetId

UNSEEN_SECONDS: Final = 5.0
"""How long a backend may be closed before what it proved counts as unknown."""

AGAIN_SECONDS: Final = 1.0
"""Pause before a backend is looked for, or its lane begun, again."""

STOP_SECONDS: Final = 5.0

_NOTHING: Final[Mapping[TargetId, HaltMark]] = MappingProxyType({})

_HELD_FROM = frozenset(
    {
        TargetState.PENDING,
        TargetState.REQUESTED,
        TargetState.ACCEPTED,
        TargetState.DRAINING,
        TargetState.STOPPED,
        TargetState.UNKNOWN,
        TargetState.REVIVED,
    }
)
"""What a hold works on: what a platform refused for good is for a human, who may ``resume``."""


class HoldRun:
    """One halt being held, or the rest of one while a part of it is restored."""

    def __init__(
        self,
        record: HaltRecord,
        means: Means,
        *,
        lease: Lease | None,
        leaving: Collection[TargetId] = (),
        announced: Mapping[TargetId, HaltMark] = _NOTHING,
    ) -> None:
        """Prepare to hold what a record keeps.

        Args:
            record: the halt as it stands.
            means: the engine's.
            lease: the right to hold it; without one it is held until cancelled.
            leaving: targets that are being put back, and are not held.
            announced: restores that are known of: a target that acts again may be theirs.
        """
        self.halt_id = record.header.halt_id
        self._header = record.header
        self._means = means
        self._lease = lease
        held = [t for t in record.kept if t.state in _HELD_FROM and t.target not in leaving]
        self.board = Board(self.halt_id, record.targets, means.ledger, means.publish, recorder=means.recorder)
        self.board.durable(record.targets)
        self._held: dict[BackendRef, list[TargetId]] = {}
        self._lanes: dict[BackendRef, Lane] = {}
        self._order = order_of(record.header)
        self._announced = announced
        self._told_of: set[str] = set()
        self._adopting = Adopting(record, means) if not leaving else None
        self._note(held)

    def _note(self, targets: Iterable[TargetProgress]) -> list[BackendRef]:
        """Put targets on the list of what is held; the backends that are new on it."""
        new = []
        for target in targets:
            ref = target.target.backend
            if ref not in self._held:
                new.append(ref)
            self._held.setdefault(ref, []).append(target.target)
        return new

    def hear(self, agents: Iterable[Agent]) -> None:
        """Take note of agents that changed."""
        if self._adopting is not None:
            self._adopting.hear(agents)

    async def run(self) -> None:
        """Hold until somebody wants the lease, until nothing is left to hold, or until cancelled."""
        if not self._held:
            return
        self._means.publish(HoldChanged(self.halt_id, holding=True))
        kind, data = happenings.hold_begun(self._header, sum(map(len, self._held.values())))
        self._means.recorder.note(kind, data, halt_id=self.halt_id)
        work = asyncio.create_task(self._work(), name=f"hold {self.halt_id}")
        why = "this console was closed"
        try:
            why = await self._until_wanted(work)
        finally:
            await self._stop(work, why)

    async def _stop(self, work: asyncio.Task[None], why: str) -> None:
        work.cancel()
        await asyncio.wait([work], timeout=STOP_SECONDS)
        if work.done() and not work.cancelled() and (defect := work.exception()):
            self.board.warn(f"internal error, the hold ended early: {defect!r}")
        await self.board.flush()
        kind, data = happenings.hold_ended(self._header, why)
        self._means.recorder.note(kind, data, halt_id=self.halt_id)
        self._means.publish(HoldChanged(self.halt_id, holding=False, why=why))

    async def _until_wanted(self, work: asyncio.Task[None]) -> str:
        while not work.done():
            if self._lease is not None and (wanted := self._lease.wanted_for()):
                return f"gives way to a {wanted}"
            if not self._left:
                return "another console restored all of it"
            await asyncio.wait([work], timeout=POLL_SECONDS)
        return "it came to an end by itself"

    async def _work(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.board.keep_flushing(), name="board")
            for ref in list(self._held):
                group.create_task(self._keep(ref), name=f"hold on {ref}")
            while True:
                if self._adopting is not None and self._adopting.waiting:
                    for ref in await self._adopt(self._adopting):
                        group.create_task(self._keep(ref), name=f"hold on {ref}")
                for lane in self._lanes.values():
                    lane.calm_down()
                await asyncio.sleep(AGAIN_SECONDS)

    async def _keep(self, ref: BackendRef) -> None:
        """Hold one backend's targets through whatever befalls the backend."""
        unseen_since = asyncio.get_running_loop().time()
        while True:
            if (backend := self._means.backends.get(ref)) is not None:
                await self._watch_on(ref, backend)
                unseen_since = asyncio.get_running_loop().time()
            elif asyncio.get_running_loop().time() - unseen_since > UNSEEN_SECONDS:
                self._doubt(ref)
            await asyncio.sleep(AGAIN_SECONDS)

    async def _watch_on(self, ref: BackendRef, backend: Backend) -> None:
        """Run a lane for as long as this connection is the open one."""
        yielding = Yielding(backend, self._order, self._means.now, self._yield_to, dict(self._announced), self._told_of)
        lane = Lane(backend, self.board, self._order, self._means.now, yielding, holds=True)
        lane.feed([self.board[target] for target in self._held[ref] if self.board[target].kept])
        self._lanes[ref] = lane
        running = asyncio.create_task(lane.run(), name=f"lane of {ref}")
        try:
            while not running.done() and self._means.backends.get(ref) is backend:
                await asyncio.wait([running], timeout=AGAIN_SECONDS)
        finally:
            del self._lanes[ref]
            running.cancel()
            await asyncio.wait([running], timeout=STOP_SECONDS)
        if running.done() and not running.cancelled() and (defect := running.exception()):
            self.board.warn(f"{ref}: internal error while holding, looking again: {defect!r}")

    def _yield_to(self, found: RestoredElsewhere) -> None:
        """Another console restores the halt, or a part of it: say so, loudly and for the record."""
        self.board.warn(f"{found.by} restores {self.halt_id} from another console: what that puts back is held no more")
        kind, data = happenings.hold_yielded(self._header, found.by, found.at)
        self._means.recorder.note(kind, data, halt_id=self.halt_id)

    @property
    def targets(self) -> tuple[TargetProgress, ...]:
        """Where all targets of the halt stand now."""
        return tuple(self.board)

    @property
    def _left(self) -> bool:
        """Whether anything is still to be held."""
        return any(self.board[target].kept for targets in self._held.values() for target in targets)

    def _doubt(self, ref: BackendRef) -> None:
        """What nobody looks at any more is not known to be stopped."""
        for target in self._held[ref]:
            if (progress := self.board[target]).state is not TargetState.UNKNOWN and progress.kept:
                note = f"cannot be observed: no connection to {ref} is open"
                seen = Observation(target, Sight.UNKNOWN, self._means.now(), note=note)
                self.board.move(states.observed(progress, seen))

    async def _adopt(self, adopting: Adopting) -> list[BackendRef]:
        """Take in what appeared in the scope; the backends that were not held so far."""
        if (found := await take_in(adopting, self._header, self.board, self._means)) is None:
            return []
        self._header = found.header
        new = self._note(found.targets)
        for ref, lane in self._lanes.items():
            mine = [t for t in found.targets if t.target.backend == ref]
            for start in range(0, len(mine), CHUNK):
                lane.feed(mine[start : start + CHUNK])
        return new
