"""Tasks that last as long as an open table: its watches and observations.

Unlike a bare ``TaskGroup``, the end of the block ends them, and what the block raises comes out as it is. A defect in
one of them still breaks the block: it is never lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

_T = TypeVar("_T")


class Background:
    """Starts tasks that end with the table at the latest."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self._group = group
        self._running: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, _T], *, name: str) -> asyncio.Task[_T]:
        """Run work beside everything else."""
        task = self._group.create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    def end(self) -> None:
        """Cancel whatever still runs."""
        for task in tuple(self._running):
            task.cancel()


@asynccontextmanager
async def background() -> AsyncIterator[Background]:
    """A place for background tasks; all of them are over when the block is."""
    failure: Exception | None = None
    async with asyncio.TaskGroup() as group:
        tasks = Background(group)
        try:
            yield tasks
        except Exception as error:  # noqa: BLE001 - raised again below, without the group's wrapping
            failure = error
        finally:
            tasks.end()
    if failure is not None:
        raise failure
