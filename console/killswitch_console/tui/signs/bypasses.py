"""What was turned off behind the console's back: said on every screen, with who did the latest of it."""

from __future__ import annotations

from collections.abc import Sequence

from killswitch_console.halting.bypasses import Bypass
from killswitch_console.halting.engine import Engine
from killswitch_console.hostile import clean
from killswitch_console.tui.lines import words
from killswitch_console.tui.lines.spans import Line, Tone, plain
from killswitch_console.tui.signing import Glance, Sign

LOOK_SECONDS = 60.0
PATIENCE = 90.0
"""Seconds that a target is off without an explanation before it is said: the marks of other bastions come late."""


async def _ask(engine: Engine) -> tuple[Bypass, ...]:
    return await engine.bypasses.look(patience=PATIENCE)


def _light(glance: Glance[tuple[Bypass, ...]]) -> Sequence[Line]:
    if not glance.known:
        return ()
    count = len(glance.known)
    latest = max(glance.known, key=lambda one: (one.deed is not None, one.deed.at.timestamp() if one.deed else 0.0))
    who = f" by {latest.deed.who.rpartition('/')[2]}" if latest.deed else ""
    which = clean(f"{latest.target}{who}", most=90)
    short = f"! {words.counted(count, 'target')} off, no halt explains it"
    return plain(f"{short}: {which}", Tone.WARN), plain(short, Tone.WARN), plain(f"! {count} off", Tone.WARN)


SIGN: Sign[tuple[Bypass, ...]] = Sign(name="bypasses", order=25, ask=_ask, every=LOOK_SECONDS, light=_light)
