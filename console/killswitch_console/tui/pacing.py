"""How soon what the engine tells is shown: what a person waits for at once, the rest as a line can carry it. Pure.

What a person presses is answered at once, always; this is about what streams in. News are taken in some times a
second, and what must be current (banners, a halt's counts) is painted then. On a busy fleet every other number changes
all the time too: painted each time that is 10 kB/s, which an SSH line may not carry and no eye can read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

LEAST_SECONDS: Final = 0.1
"""Between two times that news are taken in, however urgent: ten a second."""

CALM_SECONDS: Final = 0.15
"""Between two times where nothing of it is urgent: numbers that move are still shown within 0.2 s."""

MOST_SECONDS: Final = 1.0
"""The longest that anything waits for its frame, however much was sent before."""

BYTES_PER_SECOND: Final = 1500.0
"""What may be sent on average before whole frames wait: 90 kB a minute; the rest is for answers to keys."""

BURST_BYTES: Final = 2000.0
"""What may be sent at once before they do."""


@dataclass(slots=True)
class Pace:
    """Says when to take news in, and whether to paint all of it; fed with a clock and with how much was sent."""

    _level: float = 0.0
    """Bytes that were sent and not yet paid off by time."""
    _at: float = 0.0
    _sent: int = 0
    _taken: float = -MOST_SECONDS
    _painted: float = -MOST_SECONDS

    def wait(self, now: float, *, urgent: bool) -> float:
        """Seconds until news are to be taken in: next to none after a quiet time."""
        return max(0.001, self._taken + (LEAST_SECONDS if urgent else CALM_SECONDS) - now)

    def taken(self, now: float) -> None:
        """News are taken in now."""
        self._taken = now

    def carries(self, now: float, sent: int) -> bool:
        """Whether a whole frame may be painted now, after so many bytes in all."""
        self._level = max(0.0, self._level + sent - self._sent - (now - self._at) * BYTES_PER_SECOND)
        self._at, self._sent = now, sent
        return self._level <= BURST_BYTES or now - self._painted >= MOST_SECONDS

    def painted(self, now: float) -> None:
        """A whole frame is painted now."""
        self._painted = now
