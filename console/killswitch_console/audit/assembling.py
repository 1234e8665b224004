"""From a configuration to a recorder: where the trail is, who sits here, which secrets are blanked."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from killswitch_console.audit.recorder import TrailRecorder, open_recorder
from killswitch_console.audit.scrubbing import Scrubber
from killswitch_console.audit.session import Session
from killswitch_console.audit.volumes import TrailDirectory
from killswitch_console.authority.invoker import current_invoker
from killswitch_console.config import Configuration
from killswitch_console.halting.recording import Recorder, RecorderOpener, Warn
from killswitch_console.vault.references import resolve_secret


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


def recorder_opener(configuration: Configuration, scrubber: Scrubber) -> RecorderOpener:
    """What ``EngineSettings.recorder`` takes."""

    @asynccontextmanager
    async def opened(warn: Warn) -> AsyncIterator[Recorder]:
        async with trail_recorder(configuration, new_session(configuration, scrubber), warn) as recorder:
            yield recorder

    return opened


@asynccontextmanager
async def trail_recorder(configuration: Configuration, session: Session, warn: Warn) -> AsyncIterator[TrailRecorder]:
    """Record a session of a configuration's trail."""
    directory = trail_directory(configuration)
    secret = signing_secret(configuration)
    async with open_recorder(directory, session, warn, signing_secret=secret) as recorder:
        yield recorder


def signing_secret(configuration: Configuration) -> Callable[[], Awaitable[str | None]]:
    """Resolves the configured signing key; None for the trail's own."""

    async def resolved() -> str | None:
        reference = configuration.document.audit.key
        return None if reference is None else await resolve_secret(reference)

    return resolved
