"""A clock that stands still until a test moves it."""

from __future__ import annotations

import asyncio

START = 1_800_000_000.0
"""15 January 2027: when it starts."""


class VirtualClock:
    """See ``killswitch_backends.simulator.clock.Clock``; sleepers wake when ``advance`` reaches their moment."""

    def __init__(self) -> None:
        self._passed = 0.0
        self._sleepers: list[tuple[float, asyncio.Event]] = []

    def now(self) -> float:
        return START + self._passed

    def elapsed(self) -> float:
        return self._passed

    async def sleep(self, seconds: float) -> None:
        awake = asyncio.Event()
        self._sleepers.append((self._passed + seconds, awake))
        if seconds <= 0:
            awake.set()
        await awake.wait()
        self._sleepers = [sleeper for sleeper in self._sleepers if sleeper[1] is not awake]

    def advance(self, seconds: float) -> None:
        """Let time pass, and wake whoever has slept enough."""
        self._passed += seconds
        for until, awake in self._sleepers:
            if until <= self._passed:
                awake.set()
