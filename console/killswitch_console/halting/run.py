"""Carrying out a confirmed plan: every backend at once, each target from intent to proof, until all is settled.

Must not decide what to halt (the plan did, and its scope for who appears since), and must not let the ledger, a face or
one slow platform hold up the rest.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from killswitch_backends.problems import Problem
from killswitch_backends.protocol import Backend
from killswitch_backends.restores import RestoredElsewhere, SharesRestores
from killswitch_console.halting import happenings
from killswitch_console.halting import progress as states
from killswitch_console.halting.adopting import Adopting, take_in
from killswitch_console.halting.board import Board
from killswitch_console.halting.events import HaltBegun, HaltEnded
from killswitch_console.halting.lane import CHUNK, Lane, most_dangerous_first
from killswitch_console.halting.lease import Lease, Work
from killswitch_console.halting.ledger import LedgerError
from killswitch_console.halting.means import Means
from killswitch_console.halting.progress import TargetProgress, by_backend
from killswitch_console.halting.record import HaltRecord, order_of
from killswitch_console.halting.releasing import Release
from killswitch_console.halting.yielding import Yielding
from killswitch_inventory.agents import Agent
from killswitch_inventory.sightings import HaltMark
from killswitch_inventory.targets import BackendRef, TargetId

BOUND_SLACK = timedelta(seconds=15)
"""Time to read back that a bound which has passed still holds."""

NEW_SECONDS = 0.1
"""How often a run looks whether somebody new was heard of in its scope."""

STOP_SECONDS = 5.0
"""How long a cancelled piece of work may take to end."""

Queues = dict[BackendRef, list[TargetProgress]]

_NOTHING: Final[Mapping[TargetId, HaltMark]] = MappingProxyType({})


class HaltRun:
    """One halt under way."""

    def __init__(
        self,
        record: HaltRecord,
        means: Means,
        *,
        lease: Lease | None = None,
        announced: Mapping[TargetId, HaltMark] = _NOTHING,
        resumed_at: datetime | None = None,
        takes_in: bool = False,
    ) -> None:
        """Prepare to halt what a record holds: all targets pending, or as far as an interrupted run got.

        Args:
            record: the halt as it stands.
            means: the engine's.
            lease: the right to run it.
            announced: restores that are known of: a target that acts may be theirs.
            resumed_at: when a person ordered to resume it: restores that were ordered before count no more.
            takes_in: whether what appears in the scope meanwhile is halted too; otherwise that is the hold's to do.
        """
        self._header = record.header
        self._means = means
        self._now = means.now
        self._planned = record if takes_in else None
        self._adopting: Adopting | None = None
        self._lanes: dict[BackendRef, Lane] = {}
        self._lease = lease
        self._announced = announced
        self._resumed_at = resumed_at
        self._told_of: set[str] = set()
        """Who restores it, or a part of it, from another console."""
        self._noticed_at = 0.0
        """Loop time from which on what such a restore put back so far has been seen here."""
        header = record.header
        self.board = Board(
            header.halt_id, record.targets, means.ledger, means.publish, unwritten=header, recorder=means.recorder
        )

    def hear(self, agents: Iterable[Agent]) -> None:
        """Take note of agents that changed."""
        if self._adopting is not None:
            self._adopting.hear(agents)

    async def run(self, timeout: float | None = None) -> HaltRecord:
        """Halt everything; return when all is settled or after ``timeout`` seconds, whatever is proven by then.

        Without a timeout it waits twice the objective, and as long as the longest bound a platform gave.
        """
        queues = self._queues()
        await self._begin(queues)
        self._means.publish(HaltBegun(self.record()))
        work = asyncio.create_task(self._work(queues), name=f"halt {self._header.halt_id}")
        try:
            await self._wait(timeout, work)
        finally:
            await self._stop(work)
        return await self._end()

    async def _stop(self, work: asyncio.Task[None]) -> None:
        """End the work and save where it got to, also when this run itself is being cancelled."""
        work.cancel()
        _, stuck = await asyncio.wait([work], timeout=STOP_SECONDS)
        if stuck:
            self.board.warn("a platform call would not end; it is left behind")
        elif not work.cancelled() and (defect := work.exception()):
            self.board.warn(f"internal error, the halt ended early: {defect!r}")
        await self.board.flush()

    async def _wait(self, timeout: float | None, work: asyncio.Task[None]) -> None:
        deadline = self._now() + timedelta(seconds=timeout if timeout is not None else self._patience())
        while not self._settled and not work.done():
            if timeout is None:
                deadline = max(deadline, self._last_bound())
            if self._lease is not None and self._lease.wanted_for() is Work.RESTORE:
                self.board.warn("cut short: a restore of this halt was ordered")
                return
            if (left := (deadline - self._now()).total_seconds()) <= 0:
                self.board.warn("not everything was proven in time; `status` shows what is left, `resume` goes on")
                return
            await self.board.until(lambda: self._settled, min(left, 1.0))

    @property
    def _settled(self) -> bool:
        """Whether nothing will change any more by waiting, nobody new is left out, and no restore is half seen."""
        return self.board.settled and not self._left_out and asyncio.get_running_loop().time() >= self._noticed_at

    @property
    def _left_out(self) -> bool:
        """Whether somebody new in the scope may still wait to be halted."""
        return self._planned is not None and (self._adopting is None or self._adopting.waiting)

    def _patience(self) -> float:
        """Seconds to wait for proof when nobody says how long."""
        return max(60.0, 2 * self._header.slo_seconds)

    def _last_bound(self) -> datetime:
        """When the last thing that may outlive the halt has ended, as far as the platforms gave bounds."""
        bounds = [t.accepted.bound for t in self.board if t.accepted and t.accepted.bound and not t.state.settled]
        return max((b + BOUND_SLACK for b in bounds), default=self._header.invoked_at)

    def record(self, ended_at: datetime | None = None) -> HaltRecord:
        """The halt as it stands; while somebody new waits to be halted, not all of its scope is."""
        left_out = self._adopting is not None and self._adopting.waiting
        header = replace(self._header, blinded=self._header.blinded or left_out)
        return HaltRecord(header, tuple(self.board), ended_at, warnings=tuple(self.board.warnings))

    def _queues(self) -> Queues:
        """The unsettled targets of each backend, most dangerous first."""
        queues: defaultdict[BackendRef, list[TargetProgress]] = defaultdict(list)
        for target in self.board:
            if not target.state.settled:
                queues[target.target.backend].append(target)
        return {ref: most_dangerous_first(targets) for ref, targets in queues.items()}

    async def _begin(self, queues: Queues) -> None:
        """Make the halt, and the intents of its first targets, durable in one transaction; go on if it cannot be."""
        first = [target for targets in queues.values() for target in targets[:CHUNK]]
        if self._means.ledger is None:
            self.board.warn("no ledger: prior states are kept in memory and as marks on the targets only")
        kind, data = happenings.halt_confirmed(self._header)
        confirmed = self._means.recorder.record(kind, data, halt_id=self._header.halt_id)
        await asyncio.gather(confirmed, self.board.make_durable(first))

    async def _work(self, queues: Queues) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.board.keep_flushing(), name="board")
            for ref, targets in queues.items():
                group.create_task(self._lane(ref, targets), name=f"lane {ref}")
            if self._planned is not None:
                group.create_task(self._take_in(self._planned, group), name="newcomers")

    async def _take_in(self, planned: HaltRecord, group: asyncio.TaskGroup) -> None:
        """Halt what is in the scope and was not planned, too: it appeared since, or appears while the halt runs."""
        await asyncio.sleep(NEW_SECONDS)  # what was planned goes first
        self._adopting = adopting = Adopting(planned, self._means)
        self.board.stir()
        while True:
            if adopting.waiting:
                await self._take_newcomers(adopting, group)
            self.board.stir()
            await asyncio.sleep(NEW_SECONDS)

    async def _take_newcomers(self, adopting: Adopting, group: asyncio.TaskGroup) -> None:
        try:
            found = await take_in(adopting, self._header, self.board, self._means)
        except Exception as defect:  # noqa: BLE001  (a defect met at who is new must not stop the halt of the others)
            self.board.warn(f"internal error, who is new in the scope is not halted: {defect!r}")
            self._somebody_is_left_out()
            return
        if found is None:
            return
        self._header = found.header
        for ref, targets in by_backend(found.targets).items():
            if (lane := self._lanes.get(ref)) is not None:
                lane.feed(targets)
            else:
                group.create_task(self._lane(ref, targets), name=f"lane {ref}")

    def _somebody_is_left_out(self) -> None:
        """Not all of the scope is halted: the ledger says so too."""
        self._header = replace(self._header, blinded=True)
        self.board.adopt((), self._header)

    async def _lane(self, ref: BackendRef, targets: list[TargetProgress]) -> None:
        """Run one backend's lane; whatever befalls it, the other lanes go on."""
        backend = self._means.backends.get(ref)
        if backend is None:
            self._give_up(targets, Problem(str(ref), "no connection is open"))
            return
        lane = Lane(backend, self.board, order_of(self._header), self._now, self._yielding(backend))
        self._lanes[ref] = lane
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(lane.run(), name=f"halts on {ref}")
                group.create_task(Release(self._header, self.board).feed(lane, targets), name=f"feeder of {ref}")
        except* Exception as defects:  # noqa: BLE001  (a defect of one backend must not stop the others)
            first = _leaves(defects)[0]
            del self._lanes[ref]
            self.board.warn(f"{ref}: internal error, its targets are not proven: {first!r}")
            self._give_up(targets, Problem(str(ref), f"internal error: {first!r}"))

    def _yielding(self, backend: Backend) -> Yielding:
        """What this run gives way to on a backend (``yielding.py``): fighting a person's restore is no halt."""
        return Yielding(
            backend,
            order_of(self._header),
            self._now,
            self._yield_to,
            dict(self._announced),
            self._told_of,
            self._resumed_at,
        )

    def _yield_to(self, found: RestoredElsewhere) -> None:
        """Another console restores the halt, or a part of it, while it is under way: say so, and for the record.

        What else it has put back by now is waited for: a halt must not end with half of a restore for the truth.
        """
        halt_id = self._header.halt_id
        self._noticed_at = asyncio.get_running_loop().time() + self._notice_seconds()
        self.board.warn(f"{found.by} restores {halt_id} from another console: what that puts back is not halted again")
        kind, data = happenings.halt_yielded(self._header, found.by, found.at)
        self._means.recorder.note(kind, data, halt_id=halt_id)

    def _notice_seconds(self) -> float:
        """How long any of the platforms may take to show what was done to its targets elsewhere."""
        counts = Counter(target.target.backend for target in self.board)
        sharing = [(lane.backend, counts[ref]) for ref, lane in self._lanes.items()]
        return max((b.notice_seconds(n) for b, n in sharing if isinstance(b, SharesRestores)), default=0.0)

    def _give_up(self, targets: list[TargetProgress], problem: Problem) -> None:
        for target in targets:
            if not (current := self.board[target.target]).state.settled:
                self.board.move(states.refused(current, problem))

    async def _end(self) -> HaltRecord:
        ended_at = self._now()
        if self._left_out:
            self._somebody_is_left_out()
        complete = await self.board.flush()
        record = self.record(ended_at)
        put_back = bool(self._told_of and record.touched and not record.held)
        if self._means.ledger is not None and complete:
            try:
                await self._means.ledger.end(self._header.halt_id, ended_at, warnings=self.board.warnings)
                if put_back:
                    await self._means.ledger.end_restore(self._header.halt_id, ended_at)
            except LedgerError as error:
                self.board.warn(f"the end of the halt could not be written: {error}")
        record = replace(self.record(ended_at), restored_at=ended_at if put_back else None)
        kind, data = happenings.halt_ended(record, ended_at)
        await self._means.recorder.record(kind, data, halt_id=self._header.halt_id)
        self._means.publish(HaltEnded(record))
        return record


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    """The exceptions of a group, however deeply it is nested."""
    leaves: list[BaseException] = []
    for error in group.exceptions:
        leaves += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return leaves
