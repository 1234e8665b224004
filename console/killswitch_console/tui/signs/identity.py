"""What does not fit between the person at the console and their role: said at once, on every screen."""

from __future__ import annotations

from collections.abc import Sequence

from killswitch_console.hostile import clean
from killswitch_console.tui.lines.spans import Line, Tone, plain
from killswitch_console.tui.signing import Glance, Sign


def _light(glance: Glance[None]) -> Sequence[Line]:
    introduced = glance.state.introduced
    if introduced is None or not introduced.mismatches:
        return ()
    first, more = introduced.mismatches[0], len(introduced.mismatches) - 1
    rest = f" (+{more})" if more else ""
    long = plain(f"✖ {clean(first, most=120)}{rest}", Tone.BAD)
    return long, plain("✖ not your role" if introduced.invoker.role else "✖ no role", Tone.BAD)


SIGN = Sign(name="identity", order=8, light=_light)
