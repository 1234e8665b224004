"""Where the simulator takes its time from, so that a drill or a test can bring a time of its own.

Nothing else in the simulator's core may ask the operating system what time it is.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Time as the simulated world knows it."""

    def now(self) -> float:
        """Seconds since the epoch (UTC): what is written on actions and requests."""
        ...

    def elapsed(self) -> float:
        """Seconds that never run backwards, from an arbitrary start: what intervals are measured with."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return when that much of this clock's time has passed."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> float:
        return time.time()

    def elapsed(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def rfc3339(at: float) -> str:
    """Write seconds since the epoch as RFC 3339 UTC with milliseconds (cut off, not rounded: never a later moment)."""
    moment = datetime.fromtimestamp(int(at * 1000) / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
