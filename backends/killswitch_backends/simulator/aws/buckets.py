"""Token buckets: how AWS throttles a caller's API calls."""

from __future__ import annotations

from killswitch_backends.simulator.aws.behaviour import Rate
from killswitch_backends.simulator.clock import Clock


class TokenBucket:
    """Lets ``rate.burst`` calls through at once and ``rate.per_second`` for ever."""

    __slots__ = ("_clock", "_rate", "_tokens", "_updated")

    def __init__(self, rate: Rate, *, clock: Clock) -> None:
        self._clock = clock
        self._rate = rate
        self._tokens = float(rate.burst)
        self._updated = self._clock.elapsed()

    def take(self) -> float:
        """Take one token: 0 when the call may pass, else the seconds until one is there (nothing is taken then)."""
        now = self._clock.elapsed()
        self._tokens = min(self._rate.burst, self._tokens + (now - self._updated) * self._rate.per_second)
        self._updated = now
        if self._tokens >= 1:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) / self._rate.per_second
