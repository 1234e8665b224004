"""The engine in a thread of its own, with its own event loop, for a face whose loop may stall (design.md section 2).

A stalled SSH line blocks a screen's loop; it must never block a halt. Closing the face does not cancel a halt that is
under way.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Final, TypeVar, cast

from killswitch_console.halting.board import Publish
from killswitch_console.halting.engine import Engine, EngineSettings, LedgerNeeded, open_engine
from killswitch_console.halting.events import Warned
from killswitch_console.halting.read_only import Looking, looking_only

TURN_SECONDS: Final = 0.0002
"""Longest that the engine waits for the interpreter while a screen is painted. Python's own 5 ms a turn add up: from
the confirming key to the first request it took 60 ms, and 14 with this (``make bench ONLY=confirm_key``)."""

_T = TypeVar("_T")

Work = Callable[[Engine], Awaitable[_T]]


class EngineThread:
    """Runs one engine. ``submit`` from any thread; events arrive at ``publish`` in the engine's thread."""

    def __init__(self, settings: EngineSettings, publish: Publish, *, read_only: bool = False) -> None:
        self._settings = looking_only(settings) if read_only else settings
        self._read_only = read_only
        self._publish = publish
        self._loop: asyncio.AbstractEventLoop | None = None
        self._engine: Engine | None = None
        self._stop: asyncio.Event | None = None
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._main, name="halting engine", daemon=False)
        self._work: set[asyncio.Task[object]] = set()

    def start(self) -> None:
        """Start the engine; returns once it takes work (it sights in the background from then on)."""
        sys.setswitchinterval(TURN_SECONDS)
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            raise self._failure

    def submit(self, work: Work[_T], *, name: str) -> Future[_T]:
        """Run ``work(engine)`` in the engine's loop. Its result or exception is the future's."""
        assert self._loop is not None, "start() first"  # noqa: S101
        outcome: Future[_T] = Future()
        self._loop.call_soon_threadsafe(self._begin, work, name, outcome)
        return outcome

    def _begin(self, work: Work[_T], name: str, outcome: Future[_T]) -> None:
        task = asyncio.ensure_future(self._settle(work, outcome))
        task.set_name(name)
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    async def _settle(self, work: Work[_T], outcome: Future[_T]) -> None:
        assert self._engine is not None  # noqa: S101
        if not outcome.set_running_or_notify_cancel():
            return
        engine = cast("Engine", Looking(self._engine)) if self._read_only else self._engine
        try:
            outcome.set_result(await work(engine))
        except BaseException as error:  # noqa: BLE001  (handed to whoever asked, cancellation included)
            outcome.set_exception(error)

    def close(self) -> None:
        """Stop sighting and end the thread, once the halts and restores under way have run to their end."""
        if self._thread.ident is None:  # the face ended before it asked for the engine
            return
        if self._loop is not None and self._stop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _hold(self, engine: Engine) -> None:
        """Keep halts in force for as long as the console is open; without a ledger there is nothing to know them by."""
        if self._read_only:
            return  # to halt again what was revived is a change
        try:
            await engine.hold()
        except LedgerNeeded as problem:
            self._publish(Warned(f"halts are not held by this console: {problem}"))

    def _main(self) -> None:
        try:
            asyncio.run(self._live())
        except BaseException as error:  # noqa: BLE001  (raised by start(); never a traceback of this thread)
            self._failure = error
        finally:
            self._ready.set()

    async def _live(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with open_engine(self._settings, self._publish) as engine:
            self._engine = engine
            holding = asyncio.create_task(self._hold(engine), name="hold")
            self._ready.set()
            await self._stop.wait()
            while self._work:
                await asyncio.wait(self._work)
            holding.cancel()
            await asyncio.wait([holding])
