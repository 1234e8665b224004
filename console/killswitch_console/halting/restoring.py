"""Putting a halt back: the exact inverse, credentials before processes before flags, refused where a target changed.

It fails closed: without a ledger that can be written nothing is restored (safety rule 2). Targets that another open
halt holds stay halted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from killswitch_backends.problems import Conflict, Problem, Refused
from killswitch_backends.protocol import Accepted, Backend, Order, Restored, Watch
from killswitch_console.halting.board import Board, Publish
from killswitch_console.halting.events import HaltBegun, HaltEnded
from killswitch_console.halting.ledger import Ledger
from killswitch_console.halting.progress import TargetProgress, TargetState
from killswitch_console.halting.record import HaltRecord, touched
from killswitch_console.halting.retrying import Backoff, is_final
from killswitch_inventory.targets import BackendRef, Layer, TargetId

STAGES = (Layer.CREDENTIAL, Layer.PROCESS, Layer.CAPABILITY)
"""What comes back first: an agent must find its credentials when its process starts, and work only at the end."""


class RestoreRun:
    """One restore under way."""

    def __init__(
        self,
        record: HaltRecord,
        order: Order,
        *,
        backends: Mapping[BackendRef, Backend],
        held_by_others: frozenset[TargetId],
        ledger: Ledger,
        publish: Publish,
        now: Callable[[], datetime],
    ) -> None:
        self._record = record
        self._order = order
        self._backends = backends
        self._ledger = ledger
        self._publish = publish
        self._now = now
        self._slots = {ref: asyncio.Semaphore(b.budget.parallel) for ref, b in backends.items()}
        self.board = Board(record.header.halt_id, record.targets, ledger, publish)
        self._due = [t for t in touched(record.targets) if t.state is not TargetState.RESTORED]
        self._kept = held_by_others

    async def run(self, timeout: float) -> HaltRecord:
        """Restore what the halt changed, stage by stage; return when done or after ``timeout`` seconds."""
        self._publish(HaltBegun(self._record))
        flushing = asyncio.create_task(self.board.keep_flushing(), name="board")
        try:
            async with asyncio.timeout(timeout):
                for layer in STAGES:
                    await self._stage([t for t in self._due if t.layer is layer])
        except TimeoutError:
            self._leave_rest(f"not restored within {timeout:g} s")
        finally:
            flushing.cancel()
            await asyncio.wait([flushing])
        return await self._end()

    async def _stage(self, targets: Iterable[TargetProgress]) -> None:
        async with asyncio.TaskGroup() as group:
            for target in targets:
                group.create_task(self._restore(target), name=f"restore {target.target}")

    async def _restore(self, target: TargetProgress) -> None:
        if target.target in self._kept:
            self.board.move(replace(target, error="stays halted: another open halt holds it"))
            return
        backend = self._backends.get(target.target.backend)
        if backend is None:
            self.board.move(replace(target, state=TargetState.FAILED, error=f"{target.target.backend} is not open"))
            return
        backoff = Backoff()
        while not await self._attempt(backend, target, backoff):
            target = self.board[target.target]

    async def _attempt(self, backend: Backend, target: TargetProgress, backoff: Backoff) -> bool:
        """Try once; wait and answer False if it is worth trying again."""
        try:
            async with self._slots[backend.ref]:
                restored = await backend.restore(_watch(target), self._order)
        except Conflict as conflict:
            self.board.move(replace(target, state=TargetState.CONFLICT, error=str(conflict)))
            return True
        except Exception as error:  # noqa: BLE001  (a defect of one backend must not stop the others)
            problem = error if isinstance(error, Problem) else Refused(str(target.target), f"internal error: {error!r}")
            final = is_final(problem)
            state = TargetState.FAILED if final else target.state
            self.board.move(replace(target, state=state, error=str(problem)))
            if not final:
                await asyncio.sleep(backoff.wait(problem))
            return final
        self.board.move(_restored(target, restored))
        return True

    def _leave_rest(self, why: str) -> None:
        for due in self._due:
            if not (current := self.board[due.target]).state.settled or current.state is TargetState.STOPPED:
                self.board.move(replace(current, error=current.error or why))

    async def _end(self) -> HaltRecord:
        at = self._now()
        await self.board.flush()
        await self._ledger.end(self._record.header.halt_id, at, restored=True)
        record = replace(self._record, targets=tuple(self.board), restored_at=at, warnings=tuple(self.board.warnings))
        self._publish(HaltEnded(record))
        return record


def _watch(target: TargetProgress) -> Watch:
    """What the backend needs; a halt whose answer was lost has no acceptance, so the request's time stands for it."""
    if target.captured is None:
        raise Refused(str(target.target), "has no recorded prior state", todo="compare its mark and set it by hand")
    at = target.requested_at or target.captured.at
    return Watch(target.captured, target.accepted or Accepted(target.target, at, detail="the answer was lost"))


def _restored(target: TargetProgress, restored: Restored) -> TargetProgress:
    return replace(target, state=TargetState.RESTORED, evidence=restored.evidence, error="", note="", running=None)
