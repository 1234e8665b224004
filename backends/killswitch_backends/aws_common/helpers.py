"""Tasks that live as long as a block, where a ``TaskGroup`` cannot be used: around a ``yield``.

A task group wraps what leaves its block in an exception group, also the ``GeneratorExit`` of a closed stream and the
``Problem`` of whoever uses a backend. Here the block's own exceptions pass as they are; a helper's defect is raised.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

T = TypeVar("T")


class Helpers:
    """The tasks of one block."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, T], *, name: str) -> asyncio.Task[T]:
        """Begin some work; it is cancelled when the block ends."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        if task.cancelled() or task.exception() is None:
            self._tasks.discard(task)

    async def end(self) -> None:
        """Cancel what still runs, wait for it, and raise the first defect there was."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result


@asynccontextmanager
async def helpers() -> AsyncIterator[Helpers]:
    """Lend ``Helpers`` for a block."""
    lent = Helpers()
    try:
        yield lent
    finally:
        await lent.end()
