"""Putting a halt back, or a part of it: the exact inverse, in stages, refused where a target changed.

It fails closed: without a ledger that can be written nothing is restored (safety rule 2). What another open halt
holds stays halted, and this halt lets go of it. The hold ends first, so that it cannot halt again what comes back.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Final

from killswitch_backends.problems import Conflict, Gone, Problem, Refused, Unreachable
from killswitch_backends.protocol import Backend, Comparing, Restored
from killswitch_console.halting import happenings
from killswitch_console.halting.announcing import announce, withdraw
from killswitch_console.halting.board import Board
from killswitch_console.halting.events import HaltBegun, HaltEnded
from killswitch_console.halting.lane import ATTEMPT_SECONDS
from killswitch_console.halting.ledger import Ledger, LedgerError
from killswitch_console.halting.means import Means
from killswitch_console.halting.overlap import Overlaps, Part, topmost
from killswitch_console.halting.progress import TargetProgress, TargetState, watch_of
from killswitch_console.halting.proving_running import until_running
from killswitch_console.halting.record import HaltRecord
from killswitch_console.halting.restore_steps import (
    ENDED,
    LAYERS,
    RestoreWish,
    as_touched,
    chosen,
    in_doubt,
    is_end,
    lift,
    put_back,
)
from killswitch_console.halting.retrying import Backoff
from killswitch_console.halting.staging import OnFailure, Stage, stages
from killswitch_inventory.agents import AgentKey
from killswitch_inventory.targets import TargetId

LAYER_SECONDS: Final = 15.0
"""How long a target waits for the earlier layers of its own agents; one that cannot come back holds nobody up."""

STAGE_SECONDS: Final = 15.0
"""How long a stage is waited for where a restore goes on after failures."""

COMPARE_SECONDS: Final = 10.0
"""How long a platform may take to say what changed since, before anything is put back."""


@dataclass(slots=True)
class _Progress:
    """How far a restore is."""

    begun: set[TargetId] = field(default_factory=set)
    earlier: defaultdict[AgentKey, list[asyncio.Task[None]]] = field(default_factory=lambda: defaultdict(list))
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    failure: str = ""
    """What failed first; empty if nothing did."""


class RestoreRun:
    """One restore under way."""

    def __init__(
        self, record: HaltRecord, wish: RestoreWish, means: Means, *, overlaps: Overlaps, ledger: Ledger
    ) -> None:
        self._record = record
        self._wish = wish
        self._order = wish.order
        self._means = means
        self._overlaps = overlaps
        self._ledger = ledger
        self._slots = {ref: asyncio.Semaphore(b.budget.parallel) for ref, b in means.backends.items()}
        self.board = Board(record.header.halt_id, record.targets, ledger, means.publish, recorder=means.recorder)
        self.board.durable(record.targets)
        self.due = [t for t in chosen(record, wish.only) if t.state is not TargetState.RESTORED]
        self._at = _Progress()

    async def run(self, timeout: float) -> HaltRecord:
        """Restore what the halt changed; return when done or after ``timeout`` seconds.

        Raises:
            LedgerError: when the ledger cannot be written: before anything was changed, or (it says so) afterwards.
            RecordingNeeded: when the audit trail cannot be written; nothing was changed then.
        """
        kind, data = happenings.restore_confirmed(self._record, self._order)
        await self._means.recorder.require(kind, data, halt_id=self._order.halt_id)
        await self._let_go()
        self._means.publish(HaltBegun(self._record))
        flushing = asyncio.create_task(self.board.keep_flushing(), name="board")
        try:
            async with asyncio.timeout(timeout):
                await self._restore_all()
        except TimeoutError:
            self._at.failure = self._at.failure or f"not restored within {timeout:g} s"
        finally:
            await _end_all([flushing, *self._at.tasks])
            self._leave_rest()
            if self._record.header.foreign:
                await withdraw(self._still_halted(), self._order, self._means)
            saved = await self.board.flush() or await self.board.flush()  # a disk may be slow once
        return await self._end(saved=saved)

    async def _let_go(self) -> None:
        """End the hold of what comes back, durably, before anything does."""
        due = {t.target for t in self.due}
        lifted = [lift(t) for t in self.due]
        others = [as_touched(t) for t in self._record.touched if t.target not in due]
        await self._ledger.begin_restore(self._order, [*lifted, *others], self._wish.only)
        for target in (*lifted, *others):
            self.board.move(target)
        self.board.durable((*lifted, *others))

    async def _restore_all(self) -> None:
        if self._record.header.foreign:  # the bastion that halted it may hold it
            await announce(self._left(self.due), self._order, self._means, warn=self.board.warn)
        await self._compare_all()
        for stage in stages(self._left(self.due), self._wish.only or self._record.header.scope):
            if self._at.failure and self._wish.on_failure is not OnFailure.CONTINUE:
                return
            await self._carry_out(stage)
        if self._at.tasks:
            await asyncio.wait(self._at.tasks)  # what a stage that was not waited for left behind

    def _left(self, targets: Iterable[TargetProgress]) -> list[TargetProgress]:
        return [now for t in targets if (now := self.board[t.target]).state not in ENDED]

    # -- before anything is put back -------------------------------------------------------------------------------

    async def _compare_all(self) -> None:
        """Find what changed since, where a platform can say so without changing anything: it is set aside."""
        async with asyncio.TaskGroup() as group:
            for target in self.due:
                backend = self._means.backends.get(target.target.backend)
                if backend is None:
                    self._fail(target.target, f"no connection to {target.target.backend} is open")
                elif isinstance(backend, Comparing) and not self._overlaps.get(target.target):
                    group.create_task(self._compare(backend, backend, target), name=f"compare {target.target}")

    async def _compare(self, backend: Backend, comparing: Comparing, target: TargetProgress) -> None:
        try:
            async with self._slots[backend.ref], asyncio.timeout(COMPARE_SECONDS):
                changes = await comparing.compare(watch_of(target), self._order)
        except (Problem, TimeoutError):
            return  # the restore itself meets it again, and says so
        if changes:
            self._set_aside(target.target, Conflict(str(target.target), changes))

    # -- one stage -------------------------------------------------------------------------------------------------

    async def _carry_out(self, stage: Stage) -> None:
        """Start every target at once; each waits for the earlier layers of its own agents, and for nothing else."""
        tasks = set()
        for layer in LAYERS:
            begun = [
                (target, asyncio.create_task(self._in_turn(target, before), name=f"restore {target.target}"))
                for target in stage.targets
                if target.layer is layer
                for before in [{task for agent in target.agents for task in self._at.earlier[agent]}]
            ]
            for target, task in begun:
                tasks.add(task)
                for agent in target.agents:
                    self._at.earlier[agent].append(task)
        self._at.tasks |= tasks
        patient = self._wish.on_failure is OnFailure.CONTINUE
        done, _ = await asyncio.wait(tasks, timeout=STAGE_SECONDS if patient else None)
        for task in done:
            task.result()
        await self._prove(stage)

    async def _prove(self, stage: Stage) -> None:
        """Wait until what ran before the halt is seen running again, where the platform shows instances."""
        for target in await until_running([self.board[t.target] for t in stage.targets], self._means):
            self.board.move(replace(target, note="restored, but nothing of it is seen running yet"))
            self._at.failure = self._at.failure or f"{target.target} is restored, but nothing of it runs"

    async def _in_turn(self, target: TargetProgress, before: set[asyncio.Task[None]]) -> None:
        if before:
            await asyncio.wait(before, timeout=LAYER_SECONDS)
        if self._at.failure and self._wish.on_failure is not OnFailure.CONTINUE:
            return
        self._at.begun.add(target.target)
        await self._restore(target)

    async def _restore(self, target: TargetProgress) -> None:
        if others := self._kept_for(target):
            self.board.move(replace(self.board[target.target], error=others, lifted=False))
            return
        over = self._overlaps.get(target.target, ())
        if holders := [part.halt_id for part in over if part.holds]:
            why = f"stays halted: {', '.join(holders)} holds it"
            self.board.move(replace(self.board[target.target], released=True, error=why))
            return
        backend = self._means.backends.get(target.target.backend)
        if backend is None:
            self._fail(target.target, f"no connection to {target.target.backend} is open")
            return
        await self._until_restored(backend, target, topmost(Part(self._order.halt_id, target), over))

    def _kept_for(self, target: TargetProgress) -> str:
        """Why a partial restore leaves it: agents that stay halted need it halted."""
        if self._wish.only is None:
            return ""
        others = [key.name for key in target.agents if not self._wish.only.covers(key)]
        return f"stays halted: shared with {', '.join(others[:5])}" if others else ""

    async def _until_restored(self, backend: Backend, target: TargetProgress, top: Part) -> None:
        backoff = Backoff()
        while (problem := await self._attempt(backend, target.target, top)) is not None and not is_end(problem):
            self.board.move(in_doubt(self.board[target.target], str(problem)))
            await asyncio.sleep(backoff.wait(problem))
        if isinstance(problem, Conflict):
            self._set_aside(target.target, problem)
        elif problem is not None:
            self._fail(target.target, str(problem), stops=not isinstance(problem, Gone))

    def _set_aside(self, target: TargetId, conflict: Conflict) -> None:
        error, changes = str(conflict), conflict.changes
        self.board.move(replace(self.board[target], state=TargetState.CONFLICT, error=error, changes=changes))

    def _fail(self, target: TargetId, why: str, *, stops: bool = True) -> None:
        self.board.move(replace(self.board[target], state=TargetState.FAILED, error=why))
        if stops:
            self._at.failure = self._at.failure or f"{target} failed"

    async def _attempt(self, backend: Backend, target: TargetId, top: Part) -> Problem | None:
        """Try once; what went wrong, a hanging or broken backend included."""
        try:
            watch = watch_of(top.progress)
            async with self._slots[backend.ref], self._sent(target), asyncio.timeout(ATTEMPT_SECONDS):
                restored = await backend.restore(watch, replace(self._order, halt_id=top.halt_id))
        except Problem as problem:
            return problem
        except TimeoutError:
            return Unreachable(str(target), f"no answer within {ATTEMPT_SECONDS:g} s")
        except Exception as defect:  # noqa: BLE001  (a defect met at one target must not stop the others)
            return Refused(str(target), f"internal error: {defect!r}")
        self.board.move(put_back(self.board[target], restored))
        await self._close_others(target, restored)
        return None

    @asynccontextmanager
    async def _sent(self, target: TargetId) -> AsyncIterator[None]:
        """A change of it may be on its way. A restore whose time is over meanwhile leaves it in doubt."""
        try:
            yield
        except asyncio.CancelledError:
            self.board.move(in_doubt(self.board[target], "no answer yet"))
            raise

    async def _close_others(self, target: TargetId, restored: Restored) -> None:
        """Note in the halts that let go of it earlier that it has been put back."""
        for part in self._overlaps.get(target, ()):
            try:
                await self._ledger.save(part.halt_id, [put_back(part.progress, restored)])
            except LedgerError as error:
                self.board.warn(f"{part.halt_id} still shows {target} as halted: {error}")

    # -- the end ---------------------------------------------------------------------------------------------------

    def _still_halted(self) -> list[TargetProgress]:
        return [now for t in self.due if (now := self.board[t.target]).state is not TargetState.RESTORED]

    def _leave_rest(self) -> None:
        """Say of everything that is left why; what was not begun is held again."""
        why = self._at.failure or "not restored"
        for due in self.due:
            current = self.board[due.target]
            if current.state in ENDED or current.released:
                continue
            if due.target not in self._at.begun and not self._record.header.foreign:
                self.board.move(replace(current, lifted=False, error=f"stays halted, the restore stopped: {why}"))
            elif not current.error.startswith("stays halted"):
                self.board.move(replace(current, error=f"{why}: {current.error}" if current.error else why))

    async def _end(self, *, saved: bool) -> HaltRecord:
        at = self._means.now()
        whole = replace(self._record, targets=tuple(self.board), warnings=tuple(self.board.warnings))
        selected = None if self._wish.only is None else frozenset(t.target for t in self.due)
        record = replace(whole, restored_at=at, restoring=None, selected=selected)
        self._means.publish(HaltEnded(record))
        kind, data = happenings.restore_ended(record, self._order, at)
        await self._means.recorder.record(kind, data, halt_id=self._order.halt_id)
        if not saved:
            raise LedgerError("what was put back could not be recorded: repair the ledger, then restore again")
        await self._ledger.close_restores(self._record.header.halt_id, at)
        if not whole.kept:
            await self._ledger.end_restore(self._record.header.halt_id, at)
        return record

    @property
    def put_back(self) -> Sequence[TargetProgress]:
        """What this restore put back."""
        return [now for t in self.due if (now := self.board[t.target]).state is TargetState.RESTORED]

    @property
    def failure(self) -> str:
        """What failed first; empty if nothing did."""
        return self._at.failure


async def _end_all(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
