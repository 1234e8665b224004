"""Putting a halt back: the exact inverse, credentials before processes before flags, refused where a target changed.

It fails closed: without a ledger that can be written nothing is restored (safety rule 2). Targets that another open
halt holds stay halted, and this halt lets go of them.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from killswitch_backends.problems import Conflict, Gone, Problem, Refused, Unreachable
from killswitch_backends.protocol import Accepted, Backend, Order, Restored, Watch
from killswitch_console.halting import happenings
from killswitch_console.halting.board import Board, Publish
from killswitch_console.halting.events import HaltBegun, HaltEnded
from killswitch_console.halting.lane import ATTEMPT_SECONDS
from killswitch_console.halting.ledger import Ledger, LedgerError
from killswitch_console.halting.overlap import Overlaps, Part, topmost
from killswitch_console.halting.progress import TargetProgress, TargetState
from killswitch_console.halting.record import HaltRecord
from killswitch_console.halting.recording import UNRECORDED, Recorder
from killswitch_console.halting.retrying import Backoff, is_final
from killswitch_inventory.agents import AgentKey
from killswitch_inventory.targets import BackendRef, Layer, TargetId

STAGES = (Layer.CREDENTIAL, Layer.PROCESS, Layer.CAPABILITY)
"""What comes back first: an agent must find its credentials when its process starts, and work only at the end."""

STAGE_SECONDS = 15.0
"""How long a target waits for the earlier layers of its own agents; one that cannot come back holds nobody up."""


class RestoreRun:
    """One restore under way."""

    def __init__(
        self,
        record: HaltRecord,
        order: Order,
        *,
        backends: Mapping[BackendRef, Backend],
        overlaps: Overlaps,
        ledger: Ledger,
        publish: Publish,
        now: Callable[[], datetime],
        recorder: Recorder = UNRECORDED,
    ) -> None:
        self._record = record
        self._order = order
        self._backends = backends
        self._overlaps = overlaps
        self._ledger = ledger
        self._publish = publish
        self._now = now
        self._recorder = recorder
        self._slots = {ref: asyncio.Semaphore(b.budget.parallel) for ref, b in backends.items()}
        self.board = Board(record.header.halt_id, record.targets, ledger, publish, recorder=recorder)
        self.board.durable(record.targets)
        self._due = [t for t in record.touched if t.state is not TargetState.RESTORED]

    async def run(self, timeout: float) -> HaltRecord:
        """Restore what the halt changed; return when done or after ``timeout`` seconds.

        Raises:
            LedgerError: when the ledger cannot be written: before anything was changed, or (it says so) afterwards.
            RecordingNeeded: when the audit trail cannot be written; nothing was changed then.
        """
        kind, data = happenings.restore_confirmed(self._record, self._order)
        await self._recorder.require(kind, data, halt_id=self._order.halt_id)
        await self._ledger.begin_restore(self._order)
        self._publish(HaltBegun(self._record))
        flushing = asyncio.create_task(self.board.keep_flushing(), name="board")
        try:
            async with asyncio.timeout(timeout):
                await self._restore_all()
        except TimeoutError:
            self._leave_rest(f"not restored within {timeout:g} s")
        finally:
            flushing.cancel()
            await asyncio.wait([flushing])
            saved = await self.board.flush()
        return await self._end(saved=saved)

    async def _restore_all(self) -> None:
        """Start every target at once; each waits for the earlier layers of its own agents, and for nothing else."""
        earlier: defaultdict[AgentKey, list[asyncio.Task[None]]] = defaultdict(list)
        async with asyncio.TaskGroup() as group:
            for layer in STAGES:
                begun = [
                    (target, group.create_task(self._in_turn(target, before), name=f"restore {target.target}"))
                    for target in self._due
                    if target.layer is layer
                    for before in [{task for agent in target.agents for task in earlier[agent]}]
                ]
                for target, task in begun:
                    for agent in target.agents:
                        earlier[agent].append(task)

    async def _in_turn(self, target: TargetProgress, before: set[asyncio.Task[None]]) -> None:
        if before:
            await asyncio.wait(before, timeout=STAGE_SECONDS)
        await self._restore(target)

    async def _restore(self, target: TargetProgress) -> None:
        over = self._overlaps.get(target.target, ())
        if holders := [part.halt_id for part in over if part.holds]:
            why = f"stays halted: {', '.join(holders)} holds it"
            self.board.move(replace(target, released=True, error=why))
            return
        backend = self._backends.get(target.target.backend)
        if backend is None:
            self.board.move(replace(target, state=TargetState.FAILED, error=f"{target.target.backend} is not open"))
            return
        top = topmost(Part(self._order.halt_id, target), over)
        backoff = Backoff()
        while (problem := await self._attempt(backend, target.target, top)) is not None and not _is_end(problem):
            self.board.move(replace(self.board[target.target], error=str(problem)))
            await asyncio.sleep(backoff.wait(problem))
        if problem is not None:
            state = TargetState.CONFLICT if isinstance(problem, Conflict) else TargetState.FAILED
            self.board.move(replace(self.board[target.target], state=state, error=str(problem)))

    async def _attempt(self, backend: Backend, target: TargetId, top: Part) -> Problem | None:
        """Try once; what went wrong, a hanging or broken backend included."""
        try:
            watch = _watch(top.progress)
            async with self._slots[backend.ref], asyncio.timeout(ATTEMPT_SECONDS):
                restored = await backend.restore(watch, replace(self._order, halt_id=top.halt_id))
        except Problem as problem:
            return problem
        except TimeoutError:
            return Unreachable(str(target), f"no answer within {ATTEMPT_SECONDS:g} s")
        except Exception as defect:  # noqa: BLE001  (a defect met at one target must not stop the others)
            return Refused(str(target), f"internal error: {defect!r}")
        self.board.move(_restored(self.board[target], restored))
        await self._close_others(target, restored)
        return None

    async def _close_others(self, target: TargetId, restored: Restored) -> None:
        """Note in the halts that let go of it earlier that it has been put back."""
        for part in self._overlaps.get(target, ()):
            try:
                await self._ledger.save(part.halt_id, [_restored(part.progress, restored)])
            except LedgerError as error:
                self.board.warn(f"{part.halt_id} still shows {target} as halted: {error}")

    def _leave_rest(self, why: str) -> None:
        for due in self._due:
            current = self.board[due.target]
            if current.state not in _ENDED and not current.released:
                self.board.move(replace(current, error=f"{why}: {current.error}" if current.error else why))

    async def _end(self, *, saved: bool) -> HaltRecord:
        at = self._now()
        record = replace(self._record, targets=tuple(self.board), restored_at=at, warnings=tuple(self.board.warnings))
        kind, data = happenings.restore_ended(record, at)
        await self._recorder.record(kind, data, halt_id=self._order.halt_id)
        self._publish(HaltEnded(record))
        if not saved:
            raise LedgerError("what was put back could not be recorded: repair the ledger, then restore again")
        await self._ledger.end_restore(self._record.header.halt_id, at)
        return record


_ENDED = frozenset({TargetState.RESTORED, TargetState.CONFLICT, TargetState.FAILED})


def _is_end(problem: Problem) -> bool:
    """Whether a restore cannot come to anything by trying again."""
    return is_final(problem) or isinstance(problem, Conflict | Gone)


def _watch(target: TargetProgress) -> Watch:
    """What the backend needs; a halt whose answer was lost has no acceptance, so the request's time stands for it."""
    if target.captured is None:
        raise Refused(str(target.target), "has no recorded prior state", todo="compare its mark and set it by hand")
    at = target.requested_at or target.captured.at
    return Watch(target.captured, target.accepted or Accepted(target.target, at, detail="the answer was lost"))


def _restored(target: TargetProgress, restored: Restored) -> TargetProgress:
    return replace(
        target,
        state=TargetState.RESTORED,
        evidence=restored.evidence,
        error="",
        note="",
        running=None,
        released=False,
    )
