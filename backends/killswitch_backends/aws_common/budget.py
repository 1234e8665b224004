"""Call budgets: one adaptive token bucket per rate limit of an account and region, the most urgent caller first.

Apart because tables that reach the same account share AWS's limit whether they know it or not. A bucket never drops a
call and never decides what is urgent.
"""

from __future__ import annotations

import asyncio
import heapq
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import count
from weakref import WeakKeyDictionary

SLOWEST = 0.1
"""The share of its ceiling below which a bucket never falls."""
CUT = 0.6
RECOVERY_PER_SECOND = 0.1
"""Share of the ceiling regained per second without a throttle."""
_SETTLE_SECONDS = 1.0
"""Throttles within this time after a cut belong to calls already under way: they cut no further."""
_INSTANT = 1e-6
"""Seconds too short to wait for: what is missing of a token is then rounding."""


class Urgency(IntEnum):
    """Who goes first when calls are scarce."""

    HALT = 0
    PROVE = 1
    MARK = 2
    SIGHT = 3


@dataclass(slots=True)
class Bucket:
    """``rate`` calls per second with a small burst; adapts down on throttles and back up to its ceiling.

    Lives in one event loop. Looking around (``SIGHT``) leaves half of the burst untouched, so that a halt
    starts at once however busy the background is.
    """

    ceiling: float
    burst: int
    _rate: float = field(init=False)
    _tokens: float = field(init=False)
    _at: float = field(default=0.0, init=False)
    _paused_until: float = field(default=0.0, init=False)
    _cut_at: float = field(default=float("-inf"), init=False)
    _queue: list[tuple[int, int, asyncio.Future[None]]] = field(default_factory=list, init=False)
    _turn: count[int] = field(default_factory=count, init=False)
    _timer: asyncio.TimerHandle | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._rate, self._tokens = self.ceiling, float(self.burst)

    @property
    def rate(self) -> float:
        """Calls per second allowed now."""
        return self._rate

    async def take(self, urgency: Urgency) -> None:
        """Wait for this caller's turn."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._queue, (urgency, next(self._turn), waiter))
        self._serve()
        await waiter

    def throttled(self, retry_after: float | None) -> None:
        """The platform refused a call for its rate: slow down, and send nothing while it asks for a pause."""
        now = self._refill()
        self._tokens = min(self._tokens, 0.0)
        self._paused_until = max(self._paused_until, now + (retry_after or 0.0))
        if now - self._cut_at >= _SETTLE_SECONDS:
            self._rate, self._cut_at = max(self._rate * CUT, self.ceiling * SLOWEST), now

    def lower_ceiling(self, ceiling: float) -> None:
        """Another table asks for less from the same account: the smaller wish counts for both."""
        self.ceiling = min(self.ceiling, ceiling)
        self._rate = min(self._rate, self.ceiling)

    def _refill(self) -> float:
        now = asyncio.get_running_loop().time()
        elapsed, self._at = (now - self._at if self._at else 0.0), now
        self._tokens = min(float(self.burst), self._tokens + elapsed * self._rate)
        if now - self._cut_at >= _SETTLE_SECONDS:
            self._rate = min(self.ceiling, self._rate + elapsed * self.ceiling * RECOVERY_PER_SECOND)
        return now

    def _serve(self) -> None:
        """Let go whoever may go now; come back when the next one may."""
        now = self._refill()
        while self._queue:
            urgency, _, waiter = self._queue[0]
            if waiter.done():  # cancelled while waiting
                heapq.heappop(self._queue)
                continue
            missing = 1.0 + (self.burst // 2 if urgency == Urgency.SIGHT else 0) - self._tokens
            wait = max(missing / self._rate, self._paused_until - now)
            if wait > _INSTANT:
                self._come_back(wait)
                return
            heapq.heappop(self._queue)
            self._tokens -= 1.0
            waiter.set_result(None)

    def _come_back(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._serve)


class Budgets:
    """The buckets of one kind of backend, found by account, region and limit; each event loop has its own."""

    def __init__(self) -> None:
        self._of_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, ...], Bucket]] = WeakKeyDictionary()

    def bucket(self, *key: str, rate: float, burst: int) -> Bucket:
        """The one bucket of this key; the lowest rate anyone asked for holds."""
        buckets = self._of_loop.setdefault(asyncio.get_running_loop(), {})
        bucket = buckets.get(key)
        if bucket is None:
            bucket = buckets[key] = Bucket(rate, burst)
        bucket.lower_ceiling(rate)
        return bucket
