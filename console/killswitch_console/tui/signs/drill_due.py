"""That drills are due: a light on the header of the real console. A switch never drilled is not a working control."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from killswitch_console.drills.cadence import judged, last_drilled
from killswitch_console.drills.homes import drills_home
from killswitch_console.halting.engine import Engine
from killswitch_console.tui.lines.spans import Line, Tone
from killswitch_console.tui.signing import Glance, Sign

LOOK_SECONDS = 600.0


async def _ask(engine: Engine) -> Mapping[str, datetime]:
    """What was drilled when, from the folders of drills."""
    del engine
    return await asyncio.to_thread(lambda: last_drilled(drills_home()))


def _light(glance: Glance[Mapping[str, datetime]]) -> Sequence[Line]:
    if glance.known is None or glance.state.drill or glance.state.configuration is None:
        return ()
    every = timedelta(days=glance.state.configuration.document.drill.due_days)
    drilled = judged(glance.known, glance.now, every=every)
    due = [one.subject for one in drilled if one.due]
    if not due:
        oldest = min(one.at for one in drilled if one.at is not None)
        return (((f"drilled {(glance.now - oldest).days} d ago", Tone.MUTED),),)
    if len(due) == len(drilled):
        whole = "never drilled" if not glance.known else "every drill is due"
        return (((f"! {whole}: 5", Tone.WARN),), (("! drill", Tone.WARN),))
    return (
        ((f"! drill due: {', '.join(due)}", Tone.WARN),),
        ((f"! {len(due)} drills due", Tone.WARN),),
        (("! drill", Tone.WARN),),
    )


SIGN = Sign(name="drill due", order=80, ask=_ask, every=LOOK_SECONDS, light=_light)
