"""The time axis of a picture: seconds to places, with one long quiet stretch cut out where it would squash the rest.

A restore often comes hours after a halt that took seconds; both must be legible in one picture.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

CUT_SHARE: Final = 0.6
"""A stretch without anything in it is cut out when it is more than this share of the whole."""

_GAP: Final = 46.0
"""Places that the cut takes."""
_SPARE: Final = 1.04
_STEPS: Final = (0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400)
_TICK: Final = 90.0
"""Places between two ticks at least."""


@dataclass(frozen=True, slots=True)
class _Part:
    """Seconds that are drawn to scale, and the places they get."""

    begin: float
    end: float
    left: float
    right: float
    zero: float
    """What its ticks count from."""

    def place(self, at: float) -> float:
        return self.left + (self.right - self.left) * (at - self.begin) / (self.end - self.begin)

    def ticks(self) -> list[float]:
        span = self.end - self.begin
        most = max(1.0, (self.right - self.left) / _TICK)
        step = next((s for s in _STEPS if span / s <= most), span / most)
        return [self.zero + step * n for n in range(int((self.end - self.zero) / step) + 1)]


@dataclass(frozen=True, slots=True)
class Axis:
    """Seconds since the confirmation as places in a picture."""

    parts: tuple[_Part, ...]

    @classmethod
    def of(cls, moments: Iterable[float], left: float, right: float) -> Axis:
        """An axis on which all of these moments, and zero, are between two places."""
        points = sorted({0.0, 1.0, *(max(0.0, at) for at in moments)})
        gap, before = max((b - a, a) for a, b in pairwise(points))
        last = points[-1]
        if gap <= CUT_SHARE * last or before == 0.0:
            return cls((_Part(0.0, last * _SPARE, left, right, 0.0),))
        after = before + gap
        middle = left + (right - left) * 0.6
        pad = max(1.0, (last - after) * 0.1)
        first = _Part(0.0, before * _SPARE, left, middle - _GAP / 2, 0.0)
        return cls((first, _Part(after - pad, last + pad, middle + _GAP / 2, right, after)))

    def place(self, at: float) -> float:
        """Where a moment is."""
        part = next((p for p in self.parts if at <= p.end), self.parts[-1])
        return round(part.place(max(part.begin, at)), 1)

    def ticks(self) -> list[tuple[float, str]]:
        """Seconds to be named, and how; after a cut they count from the first moment there."""
        return [
            (at, f"{'+' if part.zero else ''}{spoken(at - part.zero)}") for part in self.parts for at in part.ticks()
        ]

    @property
    def cut(self) -> tuple[float, float, float] | None:
        """Where a stretch was cut out (two places), and how many seconds that was."""
        if len(self.parts) == 1:
            return None
        first, second = self.parts
        return first.right, second.left, second.begin - first.end


def spoken(seconds: float) -> str:
    """Seconds as people say them."""
    if seconds < 120:
        return f"{seconds:g} s"
    if seconds < 7200:
        return f"{seconds / 60:g} min" if seconds % 60 == 0 else f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:g} h" if seconds % 3600 == 0 else f"{seconds / 3600:.1f} h"
