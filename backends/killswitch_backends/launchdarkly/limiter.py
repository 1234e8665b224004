"""Keeps the console within LaunchDarkly's rate limits, by what the platform's own answers say and nothing else.

Windows of ten seconds, shared by every token of the account; figures are not published. So: no limit is assumed before
the first answer, and a window that an answer shows to be used up is waited out.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime

WINDOW = 10.0
"""Seconds of a window (openapi: "calls ... per ten seconds"); the longest that this limiter ever waits at once."""

LONGEST_WAIT = 60.0
"""Seconds that an answer may have a halt wait, whatever it says."""

SPARE = 20
"""Calls that background work leaves in a window for a halt."""

_GLOBAL = "*"


@dataclass(slots=True)
class _Window:
    """One limit as last reported."""

    remaining: int
    ends: float
    """On the limiter's own clock."""


@dataclass(slots=True)
class RateLimiter:
    """One per connection. ``clock`` counts seconds; ``wall`` is the local time, to compare with the platform's."""

    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    _windows: dict[str, _Window] = field(default_factory=dict)

    async def acquire(self, route: str, *, background: bool = False) -> None:
        """Take one call on a route; waits while a known window is used up, until it ends."""
        spare = SPARE if background else 0
        pause = self._pause(route, spare)
        while pause > 0:
            await asyncio.sleep(pause)
            pause = self._pause(route, spare)
        for name in (_GLOBAL, route):
            if name in self._windows:
                self._windows[name].remaining -= 1

    def learn(self, route: str, headers: Mapping[str, str]) -> None:
        """Take over what an answer's headers say; an older answer never raises what is left within one window."""
        ends = self.clock() + self.until_reset(headers)
        for name, header in ((_GLOBAL, "X-Ratelimit-Global-Remaining"), (route, "X-Ratelimit-Route-Remaining")):
            left = count_in(headers.get(header, ""))
            if left is None:
                continue
            known = self._windows.get(name)
            same = known is not None and abs(known.ends - ends) < WINDOW / 2
            self._windows[name] = _Window(min(known.remaining, left) if known and same else left, ends)

    def exhausted(self, route: str, seconds: float) -> None:
        """A 429 said to wait: nothing is left on this route until then."""
        self._windows[route] = _Window(0, self.clock() + seconds)

    def until_reset(self, headers: Mapping[str, str]) -> float:
        """Seconds to the end of the window an answer speaks of, at most one window.

        The reset is an epoch time on the platform's clock. Where the answer's Date shows that this machine's clock is
        off by more than two seconds, the Date is believed instead of it.
        """
        reset = count_in(headers.get("X-Ratelimit-Reset", ""))
        if reset is None:
            return 0.0
        now, there = self.wall(), _date(headers.get("Date", ""))
        if there is not None and abs(there.timestamp() - now) > 2:
            now = there.timestamp()
        return min(max(reset / 1000 - now, 0.0), WINDOW)

    def _pause(self, route: str, spare: int) -> float:
        """Seconds until a call on this route may go out; forgets windows that have ended."""
        now = self.clock()
        pause = 0.0
        for name in (_GLOBAL, route):
            window = self._windows.get(name)
            if window is None:
                continue
            if window.ends <= now:
                del self._windows[name]
            elif window.remaining <= spare:
                pause = max(pause, window.ends - now)
        return pause


def count_in(text: str) -> int | None:
    """The whole number that a header is, if it is one (``isdigit`` takes more for digits than ``int`` does)."""
    return int(text) if re.fullmatch("[0-9]{1,15}", text) else None


def _date(text: str) -> datetime | None:
    """A ``Date`` header's moment, if it is one with a zone."""
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return found if found.tzinfo is not None else None
