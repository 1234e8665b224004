"""That this console only looks: nothing can be halted or restored from it."""

from __future__ import annotations

from collections.abc import Sequence

from killswitch_console.tui.lines.spans import Line, Tone, plain
from killswitch_console.tui.signing import Glance, Sign


def _light(glance: Glance[None]) -> Sequence[Line]:
    if not glance.state.read_only:
        return ()
    return plain("◇ read-only: nothing can be halted here", Tone.WARN), plain("◇ read-only", Tone.WARN)


SIGN = Sign(name="read-only", order=5, light=_light)
