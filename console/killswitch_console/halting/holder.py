"""The holder: keeps every halt of this bastion in force, as far as no other console does it already.

It takes over what another process left when it died (an interrupted halt is finished first), and lets the faces see,
live, what other processes are doing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from killswitch_console.halting import happenings
from killswitch_console.halting.cut_short import taken_back, told
from killswitch_console.halting.events import EngineEvent, FleetChanged, HaltEnded, OpenHalts, Warned
from killswitch_console.halting.following import Following
from killswitch_console.halting.foreign import ForeignHalt, foreign_halts
from killswitch_console.halting.holding import HoldRun
from killswitch_console.halting.lease import Lease, Work
from killswitch_console.halting.ledger import Ledger, LedgerError
from killswitch_console.halting.means import Means
from killswitch_console.halting.progress import to_prove_again
from killswitch_console.halting.record import HaltRecord
from killswitch_console.halting.run import HaltRun
from killswitch_inventory.sightings import HaltMark
from killswitch_inventory.targets import TargetId

LOOK_SECONDS: Final = 0.5
"""How often the ledger is asked whether another process wrote, and free leases are looked for."""

FOREIGN_SECONDS: Final = 2.0
"""How often the marks on the platforms are gone through."""


class Holder:
    """Holds all halts of one ledger. Use one per engine."""

    def __init__(self, means: Means, ledger: Ledger) -> None:
        self._means = means
        self._ledger = ledger
        self._runs: dict[str, HoldRun] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._following = Following(ledger, means.publish)
        self._version: int | None = None
        self._stirred = asyncio.Event()
        self._open: list[str] = []
        self._nothing_to_hold: set[str] = set()
        self._told: tuple[object, ...] = ()
        self._foreign: tuple[ForeignHalt, ...] = ()
        self._foreign_at = float("-inf")
        self._ledger_problem = ""

    def stir(self) -> None:
        """Something of this process's own changed in the ledger, or a lease was given back: look at once."""
        self._version = None
        self._stirred.set()

    def hear(self, event: EngineEvent) -> None:
        """Take note of what the engine publishes."""
        if isinstance(event, FleetChanged):
            for run in self._runs.values():
                run.hear(event.agents)

    async def run(self) -> None:
        """Hold, until cancelled; what is held is then saved and given back."""
        try:
            while True:
                await self._look()
                await self._pause()
        finally:
            tasks = list(self._tasks.values())
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks)

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                await self._stirred.wait()
        except TimeoutError:
            return
        finally:
            self._stirred.clear()

    async def _look(self) -> None:
        try:
            await self._read()
            for halt_id in self._open:
                if halt_id not in self._tasks and halt_id not in self._nothing_to_hold:
                    await self._try(halt_id)
            await self._tell_open()
            self._ledger_problem = ""
        except LedgerError as error:
            if (problem := str(error)) != self._ledger_problem:
                self._ledger_problem = problem
                self._means.publish(Warned(f"halts cannot be held: {problem}"))

    async def _read(self) -> None:
        """Read what is in force, if the ledger changed."""
        version = await self._ledger.version()
        if version == self._version:
            return
        self._open = await self._ledger.unrestored()
        self._nothing_to_hold.clear()
        self._version = version
        await self._following.look(self._open, ours=self._tasks)

    async def _try(self, halt_id: str) -> None:
        """Take a halt whose lease is free."""
        if (lease := self._means.leases.take(halt_id, Work.HOLD)) is None:
            return
        record = await self._ledger.halt(halt_id)
        if record is None or not self._has_work(record):
            lease.release()
            self._nothing_to_hold.add(halt_id)
            return
        self._following.hand_over(record)
        task = asyncio.create_task(self._keep(record, lease), name=f"keep {halt_id}")
        self._tasks[halt_id] = task
        task.add_done_callback(lambda _: self._ended(halt_id))

    @staticmethod
    def _has_work(record: HaltRecord) -> bool:
        """Whether there is something to hold, or something of a restore that was cut short to hold again."""
        cut_short = record.restoring is not None and not record.header.foreign
        return record.restored_at is None and (bool(record.kept) or cut_short)

    def _ended(self, halt_id: str) -> None:
        task = self._tasks.pop(halt_id)
        self._runs.pop(halt_id, None)
        if not task.cancelled() and (defect := task.exception()):
            self._means.publish(Warned(f"internal error, {halt_id} is not held: {defect!r}", halt_id))
        self._version = None  # without stirring: whoever wanted the lease goes first

    async def _keep(self, record: HaltRecord, lease: Lease) -> None:
        try:
            record, announced = await self._take_back(record)
            if record.ended_at is None:
                record = await self._finish(record, lease, announced)
            if lease.wanted_for() is None:
                hold = HoldRun(record, self._means, lease=lease, announced=announced)
                self._runs[record.header.halt_id] = hold
                await hold.run()
                await self._close(replace(record, targets=hold.targets))
        finally:
            lease.release()

    async def _take_back(self, record: HaltRecord) -> tuple[HaltRecord, dict[TargetId, HaltMark]]:
        """Hold again what a restore that was cut short had not put back; its targets, as if they were announced."""
        begun, halt_id, at = record.restoring, record.header.halt_id, self._means.now()
        if begun is None or record.header.foreign:
            return record, {}
        again = {target.target: target for target in taken_back(record.targets)}
        await self._ledger.close_restores(halt_id, at, again.values())
        said = f"{told(begun, record.touched)}, {len(again)} are held again; `restore {halt_id}` goes on with it"
        self._means.publish(Warned(said, halt_id))
        kind, data = happenings.restore_cut_short(record.header, begun, len(again))
        self._means.recorder.note(kind, data, halt_id=halt_id)
        targets = tuple(again.get(target.target, target) for target in record.targets)
        announced = begun.announced(halt_id, again.values(), at)
        return replace(record, targets=targets, restoring=None), announced

    async def _close(self, record: HaltRecord) -> None:
        """Note the end of a halt that another console restored whole."""
        if record.held or not record.touched:
            return
        at = self._means.now()
        await self._ledger.end_restore(record.header.halt_id, at)
        self._means.publish(HaltEnded(replace(record, restored_at=at)))

    async def _finish(self, record: HaltRecord, lease: Lease, announced: Mapping[TargetId, HaltMark]) -> HaltRecord:
        """Finish a halt whose process died in the middle of it; nobody ordered that anew (``yielding.py``)."""
        halt_id = record.header.halt_id
        self._means.publish(Warned(f"{halt_id} was interrupted and is finished by this console", halt_id))
        kind, data = happenings.halt_resumed(record.header)
        self._means.recorder.note(kind, data, halt_id=halt_id)
        targets = tuple(to_prove_again(t) if t.kept else t for t in record.targets if t.kept or t.state.settled)
        run = HaltRun(
            replace(record, targets=targets),
            self._means,
            lease=lease,
            announced=announced,
        )
        return await run.run()

    async def _tell_open(self) -> None:
        """Tell the faces what is in force, unfinished first, whenever that changed."""
        loop_time = asyncio.get_running_loop().time()
        if loop_time - self._foreign_at > FOREIGN_SECONDS:
            self._foreign_at = loop_time
            if any(True for _ in self._means.fleet.marked()):
                self._foreign = foreign_halts(self._means.fleet, await self._ledger.ids())
            else:
                self._foreign = ()
        news = (tuple(self._open), self._foreign)
        if news == self._told:
            return
        self._told = news
        found = [await self._ledger.halt(halt_id) for halt_id in self._open]
        records = sorted(
            (r for r in found if r is not None), key=lambda r: (r.ended_at is not None, r.header.invoked_at)
        )
        self._means.publish(OpenHalts(tuple(records), self._foreign))
