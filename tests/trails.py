"""What the tests of the audit trail share: a session, a recorder in a directory, and ways to do harm to a trail."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path

from killswitch_console.audit.events import Draft
from killswitch_console.audit.notes import Verifier
from killswitch_console.audit.opening import open_recorder
from killswitch_console.audit.reading import open_volume
from killswitch_console.audit.recorder import TrailRecorder
from killswitch_console.audit.session import Session
from killswitch_console.audit.trail import Trail, open_trail
from killswitch_console.audit.volumes import TrailDirectory
from killswitch_console.authority.invoker import Invoker

INVOKER = Invoker(os_user="responder", uid=1000, host="bastion")


async def own_key() -> str | None:
    return None


def a_session() -> Session:
    return Session(invoker=INVOKER, environment="test", command="halt")


@asynccontextmanager
async def recording(
    directory: TrailDirectory,
    warnings: list[str] | None = None,
    *,
    journal: str = "/nonexistent",
    rotate_events: int = 10**6,
) -> AsyncIterator[TrailRecorder]:
    said = [] if warnings is None else warnings
    async with open_recorder(
        directory,
        a_session(),
        said.append,
        signing_secret=own_key,
        journal_socket=journal,
        rotate_events=rotate_events,
    ) as recorder:
        yield recorder


@asynccontextmanager
async def trail_of(directory: TrailDirectory) -> AsyncIterator[tuple[Trail, Session]]:
    """A trail without a recorder: what is appended is there when it returns."""
    session = a_session()
    signer = directory.signer()
    trail = await open_trail(directory.ready(session.draft, signer), signer)
    try:
        yield trail, session
    finally:
        await trail.close()


def drafts(session: Session, count: int, kind: str = "target.state") -> list[Draft]:
    return [session.draft(kind, {"n": n, "target": f"kubernetes:prod/a/Deployment/d{n}"}) for n in range(count)]


def verifier_of(directory: TrailDirectory) -> Verifier:
    return Verifier.parse(directory.verifier_file.read_text())


def bodies(directory: TrailDirectory) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    for path in directory.volumes():
        with open_volume(path) as volume:
            found += [event.fields for event in volume.events()]
    return found


@contextmanager
def unguarded(path: Path) -> Iterator[sqlite3.Connection]:
    """Somebody with write access to the file, who knows SQLite."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DROP TRIGGER no_update")
        connection.execute("DROP TRIGGER no_delete")
        yield connection
