"""From a configuration to a recorder: where the trail is, who sits here, which secrets are blanked."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from killswitch_console.audit.background import SyncThread
from killswitch_console.audit.casting import Recording
from killswitch_console.audit.opening import open_recorder
from killswitch_console.audit.recorder import TrailRecorder
from killswitch_console.audit.scrubbing import Scrubber
from killswitch_console.audit.session import Session
from killswitch_console.audit.syncing import Synchronised, send_directly
from killswitch_console.audit.volumes import TrailDirectory
from killswitch_console.authority.invoker import current_invoker
from killswitch_console.config import Configuration
from killswitch_console.halting.recording import (
    Recorder,
    RecorderOpener,
    RecordingNeeded,
    ScreenOpener,
    ScreenRecording,
    Warn,
)
from killswitch_console.vault.references import resolve_secret

SIMULATED_DRILL: Final = "DRILL"
"""The environment of a drill on the simulator, which has a trail of its own."""


def trail_directory(configuration: Configuration) -> TrailDirectory:
    """Where the trail of a configuration lives."""
    given = configuration.document.audit.path
    if given is None:
        return TrailDirectory(configuration.state_dir / "audit")
    return TrailDirectory((configuration.path.parent / Path(given).expanduser()).resolve())


def new_session(configuration: Configuration, scrubber: Scrubber | None = None) -> Session:
    """A session of whoever runs this process."""
    return Session(
        invoker=current_invoker(),
        environment=configuration.document.environment,
        command=next((word for word in sys.argv[1:2] if word.isalpha()), "app"),
        scrubber=scrubber or Scrubber(),
    )


def recorder_opener(configuration: Configuration, session: Session) -> RecorderOpener:
    """What ``EngineSettings.recorder`` takes."""

    @asynccontextmanager
    async def opened(warn: Warn) -> AsyncIterator[Recorder]:
        async with trail_recorder(configuration, session, warn) as recorder:
            yield recorder

    return opened


def screen_opener(configuration: Configuration, session: Session) -> ScreenOpener | None:
    """What ``EngineSettings.screen`` takes."""
    audit = configuration.document.audit
    if audit.recording == "off":
        return None
    path = trail_directory(configuration).recordings / f"{session.id}.cast"

    def opened(columns: int, rows: int) -> ScreenRecording | None:
        try:
            session.screen.begin(
                Recording(path, columns=columns, rows=rows, version=audit.asciicast, scrub=session.scrubber)
            )
        except OSError as error:
            if audit.recording == "strict":
                raise RecordingNeeded(f"{path}: the screen cannot be recorded ({error.strerror or error})") from error
            return None
        return session.screen.recording

    return opened


@asynccontextmanager
async def trail_recorder(configuration: Configuration, session: Session, warn: Warn) -> AsyncIterator[TrailRecorder]:
    """Record a session of a configuration's trail."""
    directory = trail_directory(configuration)
    if session.drill and session.environment == SIMULATED_DRILL:  # its trail has an origin that nobody can mistake
        directory = replace(directory, within="drill/")
    secret = signing_secret(configuration)
    audit, base = configuration.document.audit, configuration.path.parent
    resolve = session.scrubber.listening(resolve_secret)
    direct = partial(send_directly, directory=directory, audit=audit, base=base, resolve=resolve) if audit.s3 else None
    thread: SyncThread | None = None
    try:
        async with open_recorder(
            directory, session, warn, signing_secret=secret, direct=direct, rotate_events=audit.rotate_events
        ) as recorder:
            if audit.synchronised:
                thread = _synchronising(configuration, recorder, warn, resolve)
                thread.start()
            yield recorder
    finally:
        if thread is not None:
            await asyncio.to_thread(thread.close)


def _synchronising(
    configuration: Configuration, recorder: TrailRecorder, warn: Warn, resolve: Callable[[str], Awaitable[str]]
) -> SyncThread:
    """What gets the trail off the box while this session lasts; what is wrong with that is told once."""
    loop = asyncio.get_running_loop()
    told: set[str] = set()

    def hear(done: Synchronised) -> None:
        if done.recovered:
            recorder.look_in_spool()
        for alarm in done.alarms:
            if alarm not in told:
                recorder.note("audit.alarm", {"what": alarm})
        for line in _news(done):
            if line not in told:
                told.add(line)
                warn(line)
        told.update(done.alarms)
        if not (done.problems or done.alarms):
            told.clear()

    def tell(done: Synchronised) -> None:
        try:
            loop.call_soon_threadsafe(hear, done)
        except RuntimeError:  # the session has ended; `audit sync` will say it again
            return

    audit, base = configuration.document.audit, configuration.path.parent
    return SyncThread(trail_directory(configuration), audit, base, resolve, tell)


def _news(done: Synchronised) -> list[str]:
    """What a person must hear of one round."""
    lines = [f"AUDIT ALARM: {alarm}" for alarm in done.alarms]
    if done.problems:
        behind = f"{done.behind} events" if done.anchored else "the trail"
        lines.append(f"{behind} cannot be copied off this machine: {done.problems[0]}")
    return lines


def signing_secret(configuration: Configuration) -> Callable[[], Awaitable[str | None]]:
    """Resolves the configured signing key; None for the trail's own."""

    async def resolved() -> str | None:
        reference = configuration.document.audit.key
        return None if reference is None else await resolve_secret(reference)

    return resolved
