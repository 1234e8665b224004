"""Broken glass, on every screen: a red, flashing frame, a line that counts down; sealed, an offer where login fails."""

from __future__ import annotations

from killswitch_console.hostile import clean
from killswitch_console.tui.lines import breakglass
from killswitch_console.tui.lines.spans import Line, Tone, length, spread
from killswitch_console.tui.signing import Glance, Look, Sign


def _frame(glance: Glance[None]) -> Look | None:
    return Look(Tone.BAD, "BREAK-GLASS", flashing=True) if glance.state.glass is not None else None


def _banner(glance: Glance[None], width: int) -> Line | None:
    state = glance.state
    if state.glass is not None:
        tail: Line = (("[b] seal ", Tone.ACCENT),)
        return spread(
            ((breakglass.open_line(state.glass, glance.now, width - length(tail) - 2), Tone.BAD),), tail, width
        )
    refused = breakglass.unseen(state.backends)
    vaults = state.configuration.document.vault if state.configuration is not None else ()
    if not refused or not vaults or state.read_only or state.drill:
        return None
    tail = (("[b] break-glass ", Tone.ACCENT),)
    more = f" +{len(refused) - 1}" if len(refused) > 1 else ""
    text = f" ! {refused[0]}{more} cannot be seen: credentials refused?"
    return spread(((clean(text, most=max(20, width - length(tail) - 2)), Tone.WARN),), tail, width)


SIGN = Sign(name="breakglass", order=1, banner=_banner, frame=_frame)
