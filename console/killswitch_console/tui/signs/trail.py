"""How the audit trail stands, on every screen: loud while it cannot be written, a light while it is not off the box."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from killswitch_console.audit.browsing import Browser, Sink
from killswitch_console.audit.recorder import TrailRecorder
from killswitch_console.audit.volumes import TrailDirectory
from killswitch_console.halting.engine import Engine
from killswitch_console.hostile import clean
from killswitch_console.tui.lines import words
from killswitch_console.tui.lines.spans import Line, Tone, plain
from killswitch_console.tui.signing import Glance, Sign

LOOK_SECONDS = 5.0
PATIENCE = timedelta(seconds=60)
"""How long events may be on their way before that is said: consoles send them every fifteen seconds."""


@dataclass(frozen=True, slots=True)
class TrailState:
    """What there is to say of it."""

    problem: str = ""
    """Why it cannot be written."""
    waiting: int = 0
    anchor: Sink | None = None
    """The remote anchor; None where there never was one."""


async def _ask(engine: Engine) -> TrailState:
    recorder = engine.recorder
    if not isinstance(recorder, TrailRecorder):  # a drill's, or none at all
        return TrailState()
    status = recorder.status
    waiting = status.waiting if status.problem else 0
    return TrailState(status.problem, waiting, await asyncio.to_thread(_anchor, recorder.directory))


def _anchor(directory: TrailDirectory) -> Sink | None:
    browser = Browser(directory, ("s3",))
    try:
        (sink,) = browser.look().sinks or (None,)
    finally:
        browser.close()
    return sink if sink is not None and sink.last else None


def _light(glance: Glance[TrailState]) -> Sequence[Line]:
    known = glance.known
    if known is None or known.anchor is None or not known.anchor.behind:
        return ()
    waited = glance.now - datetime.fromisoformat(known.anchor.since) if known.anchor.since else timedelta()
    if waited < PATIENCE and not known.anchor.problem:
        return ()
    short = f"! {known.anchor.behind:,} events not anchored"
    return (
        plain(f"{short} for {words.lasting(waited.total_seconds())}  [3]", Tone.WARN),
        plain(short, Tone.WARN),
        plain("! not anchored", Tone.WARN),
    )


def _banner(glance: Glance[TrailState], width: int) -> Line | None:
    known = glance.known
    if known is None or not known.problem:
        return None
    waits = f"; {words.counted(known.waiting, 'event')} wait" if known.waiting else ""
    return plain(clean(f" AUDIT TRAIL NOT WRITTEN{waits}: {known.problem}", most=width), Tone.BAD)


SIGN: Sign[TrailState] = Sign(name="trail", order=20, ask=_ask, every=LOOK_SECONDS, light=_light, banner=_banner)
