"""That all of this is a drill: the frame is purple, and a line says so on every screen."""

from __future__ import annotations

from killswitch_console.tui.lines.spans import Line, Tone, spread
from killswitch_console.tui.signing import Glance, Look, Sign


def _frame(glance: Glance[None]) -> Look | None:
    return Look(Tone.DRILL, "DRILL") if glance.state.drill else None


def _banner(glance: Glance[None], width: int) -> Line | None:
    if not glance.state.drill:
        return None
    said = " DRILL: a simulated world; nothing real is touched"
    return spread(((said, Tone.DRILL_TEXT),), (), width)


SIGN = Sign(name="drill", order=30, frame=_frame, banner=_banner)
