"""A row of bars as high as numbers are large."""

from __future__ import annotations

from collections.abc import Sequence

from killswitch_console.tui.lines.spans import Line, Tone

BARS = "▁▂▃▄▅▆▇█"


def sparkline(samples: Sequence[int], width: int) -> Line:
    """The latest samples, one cell each, beside the least and the most of them; nothing without samples.

    Bars stand on zero, so that a halt is seen to go all the way down: only zero itself is the lowest bar.
    """
    shown = samples[-width:]
    if not shown:
        return ()
    most = max(shown)
    bars = "".join(BARS[0] if value == 0 else BARS[max(1, value * (len(BARS) - 1) // most)] for value in shown)
    return ((bars, Tone.ACCENT),)
