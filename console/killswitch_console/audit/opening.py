"""Opening the trail for one session, and closing it: from the session's first event to its last."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from killswitch_console.audit.journal import DEFAULT_SOCKET
from killswitch_console.audit.ladder import Direct, Ladder
from killswitch_console.audit.recorder import TrailRecorder
from killswitch_console.audit.session import Session
from killswitch_console.audit.spool import Spool
from killswitch_console.audit.volumes import TrailDirectory
from killswitch_console.halting.recording import Warn


@asynccontextmanager
async def open_recorder(
    directory: TrailDirectory,
    session: Session,
    warn: Warn,
    *,
    signing_secret: Callable[[], Awaitable[str | None]],
    direct: Direct | None = None,
    journal_socket: str = DEFAULT_SOCKET,
    rotate_events: int = 1_000_000,
) -> AsyncIterator[TrailRecorder]:
    """Record a session, from its first event to its last. Never raises for a trail that cannot be used.

    Args:
        directory: where the trail lives.
        session: who sits there.
        warn: says one line to whoever watches.
        signing_secret: the configured signing key, or None for the directory's own.
        direct: sends events past the trail when that is broken.
        journal_socket: the machine's log.
        rotate_events: a volume that holds so many when it is opened is followed by a new one.
    """
    ladder = Ladder(Spool(directory.spool), direct, journal_socket, warn)
    recorder = TrailRecorder(directory, session, ladder, signing_secret, warn, rotate_events)
    recorder.put(*session.started())
    writing = asyncio.create_task(recorder.write(), name="audit trail")
    try:
        yield recorder
    finally:
        await recorder.finish()
        writing.cancel()
        await asyncio.wait({writing})
        await recorder.close()
