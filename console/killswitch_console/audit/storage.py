"""One volume of the trail: a SQLite file with its events, its signed head and the checkpoints kept of it.

All consoles of an account on a bastion append to the same volume, so it has a rollback journal with full
synchronisation. A write-ahead log would let readers and the writer pass each other, but SQLite 3.7.0 to 3.51.2 can
lose commits of one that more than one connection uses (trust.md 2.2), and an exclusive one would shut the other
consoles out. It also means that every acknowledged event is in this one file. Readers must be brief: they hold up
writers (``reading.py`` reads in slices).

The triggers guard against accidents only; what shows tampering are the hashes and the signatures.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from killswitch_console.audit.events import NO_PREVIOUS, Draft, Event, body_of
from killswitch_console.audit.merkle import Edge, leaf_hash
from killswitch_console.audit.notes import Checkpoint, NoteError, Signer
from killswitch_console.database import insert

APPLICATION_ID: Final = 0x6B737774
"""``kswt``: says in the file's header what it is."""

SCHEMA: Final = """
CREATE TABLE event (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, at TEXT NOT NULL, kind TEXT NOT NULL, session TEXT NOT NULL,
    actor TEXT NOT NULL, halt TEXT, incident TEXT, body BLOB NOT NULL
) STRICT;
CREATE INDEX event_of_halt ON event (halt) WHERE halt IS NOT NULL;
CREATE INDEX event_of_session ON event (session, seq);
CREATE TABLE head (
    one INTEGER PRIMARY KEY CHECK (one = 1), origin TEXT NOT NULL, size INTEGER NOT NULL, edge BLOB NOT NULL,
    note TEXT, closed INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE checkpoint (size INTEGER PRIMARY KEY, note TEXT NOT NULL) STRICT;
CREATE TABLE cursor (sink TEXT PRIMARY KEY, next_seq INTEGER NOT NULL, at TEXT NOT NULL, problem TEXT) STRICT;
CREATE TABLE refused (sink TEXT NOT NULL, seq INTEGER NOT NULL, why TEXT NOT NULL, PRIMARY KEY (sink, seq)) STRICT;
CREATE TRIGGER no_update BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'events are never changed'); END;
CREATE TRIGGER no_delete BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, 'events are never removed'); END;
"""

PRAGMAS: Final = (
    "PRAGMA journal_mode = TRUNCATE",
    "PRAGMA synchronous = FULL",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA recursive_triggers = ON",
)

INSERT: Final = "INSERT INTO event (seq, id, at, kind, session, actor, halt, incident, body)"
"""For ``database.insert``."""

HEAD: Final = (
    "SELECT h.origin, h.size, h.edge, h.note, h.closed, e.seq, e.body FROM head h"
    " LEFT JOIN event e ON e.seq = (SELECT max(seq) FROM event)"
)


class TrailUnavailable(Exception):
    """The trail cannot be read or written now; says which file and why."""


@dataclass(frozen=True, slots=True)
class Head:
    """Where a volume ends: its last event, and the tree as far as it is signed."""

    origin: str
    edge: Edge
    note: str | None
    closed: bool
    last: Event | None

    @property
    def size(self) -> int:
        """How many events there are."""
        return self.last.seq if self.last else 0

    @property
    def leaf(self) -> bytes:
        """The hash of the last event."""
        return leaf_hash(self.last.body) if self.last else b""

    def trusted_by(self, signer: Signer) -> bool:
        """Whether the stored edge is the one that this key signed: only then may it go on signing."""
        if self.note is None:
            return self.edge.size == 0
        try:
            signed = signer.verifier.open(self.note)
        except NoteError:
            return False
        return signed == Checkpoint(self.origin, self.edge.size, self.edge.root())


TABLES: Final = (
    "SELECT type, name, sql FROM sqlite_schema WHERE type <> 'trigger' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'"
)
"""What a file is made of. Triggers are left out: whoever reads sets none off."""


@cache
def our_tables() -> frozenset[tuple[str, str, str]]:
    """What ``TABLES`` says of a volume. A view in the place of a table computes whatever it likes, for ever."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(SCHEMA)
        return frozenset(connection.execute(TABLES).fetchall())


def read_head(row: Iterable[Any]) -> Head:
    """A head from a row of ``HEAD``. Raises ``ValueError`` where the row makes no sense."""
    origin, size, edge, note, closed, seq, body = row
    last = read_event(seq, body) if seq is not None else None
    if note is not None and not isinstance(note, str):
        raise ValueError("its note is no text")
    return Head(str(origin), Edge.read(number(size), octets(edge)), note, bool(closed), last)


def read_event(seq: Any, body: Any) -> Event:
    """An event from its columns. Raises ``ValueError`` where they hold something else."""
    return Event(number(seq), octets(body))


def number(value: Any) -> int:
    """What a column of integers holds: SQLite believes a file that was changed. Raises ``ValueError``."""
    if not isinstance(value, int):
        raise ValueError("there is no number where one belongs")  # noqa: TRY004  (one kind of failure)
    return value


def octets(value: Any) -> bytes:
    """What a column of bytes holds. Raises ``ValueError``."""
    if not isinstance(value, bytes | str):
        raise ValueError("there are no bytes where some belong")  # noqa: TRY004
    return value.encode() if isinstance(value, str) else value


def placed(head: Head, drafts: Iterable[Draft]) -> list[tuple[Draft, Event]]:
    """Give drafts their places after a head."""
    seq, previous = head.size, head.leaf.hex() or NO_PREVIOUS
    events: list[tuple[Draft, Event]] = []
    for draft in drafts:
        seq += 1
        body = body_of(draft, seq, previous)
        previous = leaf_hash(body).hex()
        events.append((draft, Event(seq, body)))
    return events


def row_of(draft: Draft, event: Event) -> tuple[Any, ...]:
    """A row for ``INSERT``."""
    d = draft
    return (event.seq, d.id, d.at, d.kind, d.session, d.actor, d.halt, d.incident, event.body)


def create_volume(path: Path, origin: str, first: Draft, signer: Signer | None) -> None:
    """Create a volume with its first event, whole or not at all.

    Raises:
        TrailUnavailable: when it cannot be written.
    """
    making = path.with_suffix(".making")
    try:
        making.unlink(missing_ok=True)
        making.touch(mode=0o600)
        with closing(sqlite3.connect(making, isolation_level=None)) as connection:
            _fill(connection, origin, first, signer)
        making.replace(path)
        sync_directory(path.parent)
    except (OSError, sqlite3.Error) as error:
        raise TrailUnavailable(f"{path}: {error}") from error


def _fill(connection: sqlite3.Connection, origin: str, first: Draft, signer: Signer | None) -> None:
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    for pragma in PRAGMAS:
        connection.execute(pragma)
    connection.executescript(SCHEMA)
    (begin,) = placed(Head(origin, Edge(), None, False, None), [first])
    edge = Edge().grown([leaf_hash(begin[1].body)])
    note = signer.sign(Checkpoint(origin, 1, edge.root())) if signer else None
    kept = edge if signer else Edge()
    connection.execute("BEGIN IMMEDIATE")
    insert(connection, INSERT, [row_of(*begin)])
    head = (origin, kept.size, bytes(kept), note)
    connection.execute("INSERT INTO head (one, origin, size, edge, note) VALUES (1, ?, ?, ?, ?)", head)
    connection.execute("COMMIT")


def sync_directory(path: Path) -> None:
    """Make a new name in a directory durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
