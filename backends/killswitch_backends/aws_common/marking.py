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
from killswitch_inventory.targets import TargetId

ATTEMPTS = 8
CLOSING_SECONDS = 30.0
"""How long closing a backend waits for the marks of a halt that was just carried out."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 8.0


class Marks:
    """The marks being written by one open backend."""

    def __init__(self, tasks: Helpers) -> None:
        self._tasks = tasks
        self._writing: dict[TargetId, asyncio.Task[None]] = {}
        self._failed: dict[TargetId, str] = {}

    def write(self, target: TargetId, write: Callable[[], Awaitable[None]]) -> None:
        """Begin to mark a target, in place of any mark still being written there."""
        self._stop(target)
        self._writing[target] = self._tasks.start(self._write(target, write), name=f"mark of {target}")

    async def settle(self, target: TargetId) -> None:
        """Stop marking a target and wait until nothing of it is under way (a restore begins)."""
        task = self._stop(target)
        if task is not None:
            await asyncio.wait({task})
        self._failed.pop(target, None)

    async def finish(self) -> None:
        """Wait for all marks, but no longer than ``CLOSING_SECONDS``."""
        if tasks := set(self._writing.values()):
            _, late = await asyncio.wait(tasks, timeout=CLOSING_SECONDS)
            for task in late:
                task.cancel()

    def failure(self, target: TargetId) -> str:
        """Why a target carries no mark; empty when it does, or will."""
        return self._failed.get(target, "")

    def _stop(self, target: TargetId) -> asyncio.Task[None] | None:
        task = self._writing.pop(target, None)
        if task is not None:
            task.cancel()
        return task

    async def _write(self, target: TargetId, write: Callable[[], Awaitable[None]]) -> None:
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
