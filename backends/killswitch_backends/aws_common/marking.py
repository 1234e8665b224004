"""Halt marks, written behind the halt: a mark is worth having, but no stop may wait for one or fail for want of one.

The change that stops a target takes the budget first; its mark follows at lower urgency and is tried again.
What could not be marked is remembered, so that the observer can say so.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from killswitch_backends.aws_common.helpers import Helpers, helpers
from killswitch_backends.aws_common.outcomes import outcome, retryable
from killswitch_backends.marks import Unmarked
from killswitch_inventory.targets import TargetId

ATTEMPTS = 8
CLOSING_SECONDS = 60.0
"""How long closing a backend waits for the marks of a halt that was just carried out, as long as they progress."""
STALLED_SECONDS = 3.0
"""After this long without one more mark written, closing waits no longer."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 8.0


class Marks:
    """The marks being written by one open backend."""

    def __init__(self, tasks: Helpers) -> None:
        self._tasks = tasks
        self._writing: dict[TargetId, list[tuple[str, asyncio.Task[None]]]] = {}
        self._failed: dict[TargetId, str] = {}

    def write(self, target: TargetId, halt_id: str, write: Callable[[], Awaitable[None]]) -> None:
        """Begin to mark a target for a halt, after (and instead of) what is still being written there."""
        older = self._under_way(target)
        for _, task in older:
            task.cancel()
        work = self._write(target, write, [task for _, task in older])
        self._writing[target] = [*older, (halt_id, self._tasks.start(work, name=f"mark of {target}"))]

    async def settle(self, target: TargetId, halt_id: str) -> None:
        """Stop marking a target for this halt, and wait until nothing of that is under way (its restore begins)."""
        tasks = {task for halt, task in self._under_way(target) if halt == halt_id}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._failed.pop(target, None)

    async def finish(self) -> None:
        """Wait for all marks while they progress: what stands still holds up nobody, its target stays halted."""
        targets = {task: target for target in self._writing for _, task in self._under_way(target)}
        waiting = set(targets)
        end = asyncio.get_running_loop().time() + CLOSING_SECONDS
        while waiting and (left := end - asyncio.get_running_loop().time()) > 0:
            written, waiting = await asyncio.wait(
                waiting, timeout=min(STALLED_SECONDS, left), return_when=asyncio.FIRST_COMPLETED
            )
            if not written:
                break
        for task in waiting:
            task.cancel()
            self._failed[targets[task]] = "no halt mark on the target yet: closing waited no longer"

    def busy(self, target: TargetId) -> bool:
        """Whether a mark is still being written there."""
        return bool(self._under_way(target))

    def unmarked(self) -> list[Unmarked]:
        """The targets whose mark is still to be written, or could not be."""
        return [
            Unmarked(target, halt_id, self._failed.get(target, "no halt mark on the target yet"))
            for target, ((*_, (halt_id, task))) in self._writing.items()
            if not task.done() or target in self._failed
        ]

    def failure(self, target: TargetId) -> str:
        """Why a target carries no mark; empty when it does, or will."""
        return self._failed.get(target, "")

    def _under_way(self, target: TargetId) -> list[tuple[str, asyncio.Task[None]]]:
        return [(halt, task) for halt, task in self._writing.get(target, []) if not task.done()]

    async def _write(
        self, target: TargetId, write: Callable[[], Awaitable[None]], older: list[asyncio.Task[None]]
    ) -> None:
        if older:
            await asyncio.wait(older)
        self._failed.pop(target, None)
        pause = _FIRST_PAUSE
        problem = await outcome(write())
        for _ in range(ATTEMPTS - 1):
            if problem is None or not retryable(problem):
                break
            await asyncio.sleep(max(pause, getattr(problem, "retry_after", None) or 0.0))
            pause = min(pause * 2, _LONGEST_PAUSE)
            problem = await outcome(write())
        if problem is not None:
            self._failed[target] = f"no halt mark on the target: {problem.what}"


@asynccontextmanager
async def marking() -> AsyncIterator[Marks]:
    """Lend a ``Marks``; leaving waits for what is still being written, a cancellation does not."""
    async with helpers() as tasks:
        marks = Marks(tasks)
        yield marks
        await marks.finish()
