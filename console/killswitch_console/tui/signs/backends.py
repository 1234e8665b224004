"""A light per backend: seen live, or since when not. The first light of every screen."""

from __future__ import annotations

from collections.abc import Sequence

from killswitch_console.tui.lines import top
from killswitch_console.tui.lines.spans import Line
from killswitch_console.tui.signing import Glance, Sign


def _light(glance: Glance[None]) -> Sequence[Line]:
    return top.backend_lights(glance.state.backends, glance.now, starting=not glance.state.problem)


SIGN = Sign(name="platforms", order=10, light=_light)
