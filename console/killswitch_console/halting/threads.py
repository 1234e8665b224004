"""Threads for blocking calls that nobody waits for at the end: a stuck SDK must not keep a finished command alive.

asyncio's own executor is joined when the loop closes and again when the interpreter exits, for as long as that takes.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

_T = TypeVar("_T")

THREADS = 32
"""At most; enough that a few stuck calls leave room for the others."""


class ForgettingExecutor(ThreadPoolExecutor):
    """Runs calls in daemon threads, made as they are needed. ``shutdown`` never waits for a call that is under way."""

    def __init__(self, most: int = THREADS) -> None:
        super().__init__(max_workers=1)  # its own threads are never started: submit is replaced
        self._most = most
        self._calls: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._started: list[threading.Thread] = []
        self._closed = False

    def submit(self, fn: Callable[..., _T], /, *args: Any, **kwargs: Any) -> Future[_T]:
        """Run ``fn`` in one of the threads. Raises ``RuntimeError`` after ``shutdown``."""
        if self._closed:
            raise RuntimeError("the threads were let go")
        future: Future[_T] = Future()
        self._calls.put((future, lambda: fn(*args, **kwargs)))
        if not self._idle.acquire(blocking=False) and len(self._started) < self._most:
            thread = threading.Thread(target=self._work, name=f"call {len(self._started)}", daemon=True)
            self._started.append(thread)
            thread.start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002  (as inherited)
        """Take no more calls; let every thread end after the one it is at."""
        self._closed = True
        for _ in self._started:
            self._calls.put(None)

    def _work(self) -> None:
        while (item := self._calls.get()) is not None:
            future, call = item
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(call())
                except BaseException as error:  # noqa: BLE001  (handed to whoever waits for it)
                    future.set_exception(error)
            del item, future, call  # a thread that waits for its next call must hold nothing of the last: a secret, say
            self._idle.release()


_OF: WeakKeyDictionary[asyncio.AbstractEventLoop, ForgettingExecutor] = WeakKeyDictionary()


def executor_of(loop: asyncio.AbstractEventLoop) -> ForgettingExecutor:
    """The one of a loop: engines that are opened one after the other share its threads, instead of leaving theirs."""
    return _OF.setdefault(loop, ForgettingExecutor())
