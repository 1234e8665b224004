"""What Lambda reports of a function to CloudWatch: one record a minute, written when the minute is over.

Kept as a few small tuples per function and rolled when touched, so that thousands of idle functions cost nothing.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

_KEPT = 15


@dataclass(frozen=True, slots=True)
class Minute:
    """One minute of one function; ``start`` in whole minutes since the epoch."""

    start: int
    peak: int
    """The most invocations that were under way at once."""
    invocations: int = 0
    throttles: int = 0
    events_dropped: int = 0
    """Asynchronous events given up because the reservation is zero."""

    @property
    def silent(self) -> bool:
        return not (self.peak or self.invocations or self.throttles or self.events_dropped)


@dataclass(slots=True)
class Meter:
    """Counts the running minute and keeps the last few."""

    _minute: int = 0
    _peak: int = 0
    _invocations: int = 0
    _throttles: int = 0
    _dropped: int = 0
    _kept: deque[Minute] = field(default_factory=lambda: deque(maxlen=_KEPT))

    def started(self, now: float, *, running: int) -> None:
        """An invocation started; ``running`` counts it."""
        self._roll(now, running=running - 1)
        self._invocations += 1
        self._peak = max(self._peak, running)

    def throttled(self, now: float, *, running: int) -> None:
        self._roll(now, running=running)
        self._throttles += 1

    def dropped(self, now: float, *, running: int) -> None:
        self._roll(now, running=running)
        self._dropped += 1

    def ended(self, now: float, *, running: int) -> None:
        """An invocation ended; ``running`` no longer counts it."""
        self._roll(now, running=running + 1)

    def backfill(self, now: float, *, running: int, invocations_a_minute: int, minutes: int) -> None:
        """Write the past of a function that had been running like this before the world began."""
        this = int(now // 60)
        self._kept.extend(Minute(start, running, invocations_a_minute) for start in range(this - minutes, this))
        self._minute = this

    def history(self, now: float, *, running: int) -> tuple[Minute, ...]:
        """The finished minutes, oldest first."""
        self._roll(now, running=running)
        return tuple(self._kept)

    def _roll(self, now: float, *, running: int) -> None:
        """Close the counted minute if it is over; what ran through the minutes between them is known."""
        this = int(now // 60)
        if this <= self._minute:
            return
        closed = Minute(self._minute, self._peak, self._invocations, self._throttles, self._dropped)
        between = range(max(self._minute + 1, this - _KEPT), this) if running else range(0)
        self._kept.extend(
            minute for minute in (closed, *(Minute(start, running) for start in between)) if not minute.silent
        )
        self._minute, self._peak = this, running
        self._invocations = self._throttles = self._dropped = 0
