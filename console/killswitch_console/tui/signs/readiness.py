"""Whether a halt would work, from the latest check: a light of its own, for what a platform's light cannot know."""

from __future__ import annotations

from collections.abc import Sequence

from killswitch_console.checking.report import Report
from killswitch_console.halting.engine import Engine
from killswitch_console.tui.lines import readiness
from killswitch_console.tui.lines.spans import Line
from killswitch_console.tui.signing import Glance, Sign

CHECK_SECONDS = 300.0
"""How old the latest check may become before the next is made in the background."""

ASK_SECONDS = 20.0
"""How soon a check that somebody else asked for is shown."""


async def _ask(engine: Engine) -> Report | None:
    if (known := engine.settings.readiness) is None:
        return None
    return await known.report(engine, max_age=CHECK_SECONDS)


def _light(glance: Glance[Report | None]) -> Sequence[Line]:
    return () if glance.known is None else readiness.lights(glance.known, glance.state.backends)


SIGN: Sign[Report | None] = Sign(name="readiness", order=15, ask=_ask, every=ASK_SECONDS, light=_light)
