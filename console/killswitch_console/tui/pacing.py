"""How soon what the engine tells is painted: at once after a quiet time, and no oftener than a line can carry. Pure.

What a person presses is answered at once, always; this is about what streams in. On a busy fleet every number changes
all the time: painted ten times a second that is 20 kB/s, which an SSH line may not carry and no eye can read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

LEAST_SECONDS: Final = 0.1
"""Between two frames of news, whatever they cost: ten a second."""

MOST_SECONDS: Final = 2.0
"""The longest that news wait for their frame, however much was sent before."""

BYTES_PER_SECOND: Final = 1200.0
"""What may be sent on average: 72 kB a minute; the rest of what a line should carry is for answers to keys."""

BURST_BYTES: Final = 3000.0
"""What may be sent at once before frames are spaced out."""


@dataclass(slots=True)
class Pace:
    """Spaces frames by what they cost; fed with a clock and with how much was sent in all."""

    _level: float = 0.0
    """Bytes that were sent and not yet paid off by time."""
    _at: float = 0.0
    _sent: int = 0
    _framed: float = -MOST_SECONDS

    def wait(self, now: float, sent: int) -> float:
        """Seconds until news may be painted."""
        self._level = max(0.0, self._level - (now - self._at) * BYTES_PER_SECOND) + sent - self._sent
        self._at, self._sent = now, sent
        for_bytes = (self._level - BURST_BYTES) / BYTES_PER_SECOND
        for_frames = self._framed + LEAST_SECONDS - now
        return max(0.001, min(MOST_SECONDS, for_bytes), for_frames)

    def framed(self, now: float) -> None:
        """News are painted now."""
        self._framed = now
