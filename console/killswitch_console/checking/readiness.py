"""The latest check of a session: one at a time, shared by whoever shows it, made no more often than they ask for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from killswitch_console.checking.report import Report
from killswitch_console.config import Configuration
from killswitch_console.halting.engine import Engine, utc_now


class Readiness:
    """Checks an engine, and keeps what was found last. Use it in the engine's loop."""

    def __init__(self, check: Callable[[Engine], Awaitable[Report]]) -> None:
        self._check = check
        self._turn: asyncio.Lock | None = None
        self.last: Report | None = None

    async def report(self, engine: Engine, *, max_age: float) -> Report:
        """What was found last if that is younger than ``max_age`` seconds, else what a check finds now.

        Waits until the platforms were seen for the first time: a check before that would only say that they were not.
        """
        if self._turn is None:
            self._turn = asyncio.Lock()
        async with self._turn:
            if self.last is None or (utc_now() - self.last.at).total_seconds() >= max_age:
                await engine.discover()
                self.last = await self._check(engine)
            return self.last


def readiness_of(configuration: Configuration) -> Readiness:
    """What checks an engine of a configuration; the concerns are imported when they are first asked."""

    async def check_now(engine: Engine) -> Report:
        from killswitch_console.checking.everything import check

        return await check(configuration, engine)

    return Readiness(check_now)
