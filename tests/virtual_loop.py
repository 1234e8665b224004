"""An event loop in which waiting costs nothing: time jumps to the next timer, never while a thread works for it.

result = run(main)          # main() is a coroutine function; loop.time() starts at 0
now()                       # the wall clock to inject: START plus the running loop's time
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from unittest import mock

import aiosqlite.core

T = TypeVar("T")

START = datetime(2027, 1, 15, 8, 0, tzinfo=UTC)

REAL_SECONDS = 10.0
"""Longest real wait for a thread before a test is called stuck."""


def now() -> datetime:
    return START + timedelta(seconds=asyncio.get_running_loop().time())


def run(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    with (
        mock.patch.object(aiosqlite.core, "SimpleQueue", _CountedQueue),
        asyncio.Runner(loop_factory=VirtualLoop) as runner,
    ):
        return runner.run(main())


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.passed = 0.0
        self.outstanding = 0
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        return self.passed

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:
        """Time stands still while a thread works for the loop: on files, say."""
        self.outstanding += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._thread_done)
        return future

    def _thread_done(self, _: object) -> None:
        self.outstanding -= 1

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Its threads are waited for in real time: since Python 3.12 there is a limit, and a jump would reach it."""
        self.outstanding += 1
        try:
            await super().shutdown_default_executor()
        finally:
            self.outstanding -= 1


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if timeout is None or self._loop.outstanding:
            ready = super().select(REAL_SECONDS)
            assert ready or self._loop.outstanding == 0, "a thread gave no answer"
            assert ready or timeout is not None, "nothing will ever happen any more"
            return ready
        self._loop.passed += timeout
        return []


class _CountedQueue:
    """aiosqlite's queue of work for its thread, which tells the loop how much of it is outstanding."""

    def __init__(self) -> None:
        import queue

        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def get(self) -> Any:
        return self._queue.get()

    def put_nowait(self, item: tuple[asyncio.Future[Any] | None, Callable[[], Any]]) -> None:
        future = item[0]
        if future is not None:
            loop = future.get_loop()
            assert isinstance(loop, VirtualLoop)
            loop.outstanding += 1
            future.add_done_callback(self._done)
        self._queue.put_nowait(item)

    @staticmethod
    def _done(future: asyncio.Future[Any]) -> None:
        loop = future.get_loop()
        assert isinstance(loop, VirtualLoop)
        loop.outstanding -= 1
