"""The open end of the trail: appends drafts to the current volume, each batch in one durable transaction.

Several processes do this at once; SQLite's write lock makes one chain of it. The signature over the whole tree is
renewed in the same transaction, so that no event is ever left outside it. Nothing here retries or falls back:
``recorder.py`` does.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

from killswitch_console import private
from killswitch_console.audit.events import Draft, Event
from killswitch_console.audit.merkle import leaf_hash
from killswitch_console.audit.notes import Checkpoint, Signer
from killswitch_console.audit.storage import (
    HEAD,
    INSERT,
    PRAGMAS,
    Head,
    TrailUnavailable,
    placed,
    read_head,
    row_of,
)
from killswitch_console.database import Database, connect, insert

BUSY_SECONDS: Final = 2.0
"""How long a write waits for other processes."""

CLOSE_SECONDS: Final = 2.0

_TROUBLE: Final = (sqlite3.Error, ValueError, TypeError)
"""What a damaged or vanished file makes SQLite, aiosqlite and the reading of rows raise."""

_GROW_MOST: Final = 100_000
"""Unsigned events that one transaction signs belatedly; a longer tail is left to `audit verify` to report."""


class TrailClosed(TrailUnavailable):
    """The volume was rotated away or is gone: open the trail anew."""


class TrailTampered(TrailUnavailable):
    """Events that were acknowledged are gone or changed."""


class Trail:
    """An open volume. One connection; appends take turns and are never half-cancelled."""

    def __init__(self, connection: Database, path: Path, signer: Signer | None) -> None:
        self.path = path
        self.signer = signer
        self.written: tuple[int, bytes] | None = None
        """Place and hash of the last event that this process put in."""
        self.size_when_opened = 0
        self._connection = connection
        self._inode = _inode(path)
        self._turn = asyncio.Lock()
        self._trusted: str | None = None
        """The last head's note that was found good, or that we signed."""
        self.unsigned = ""
        """Why the last append was not signed; empty when it was."""

    async def append(self, drafts: Sequence[Draft], *, keep: bool = False, close: bool = False) -> Head:
        """Append drafts that are not in the trail yet, and sign; returns the new head.

        Args:
            drafts: what to append, in this order; one whose id is there already is left out.
            keep: also keep the signed head as a checkpoint.
            close: let nobody append after this.

        Raises:
            TrailClosed: the volume was rotated away, deleted or replaced.
            TrailTampered: it lost events that this process had put in.
            TrailUnavailable: it could not be written.
        """
        work = asyncio.ensure_future(self._append(drafts, keep=keep, close=close))
        work.add_done_callback(_heard)
        return await asyncio.shield(work)

    async def _append(self, drafts: Sequence[Draft], *, keep: bool, close: bool) -> Head:
        async with self._turn:
            if await asyncio.to_thread(_inode, self.path) != self._inode:
                raise TrailClosed(f"{self.path}: was deleted or replaced")
            try:
                head = await self._connection.transaction(partial(self._put, drafts, keep=keep, close=close))
            except _TROUBLE as error:
                raise TrailUnavailable(f"{self.path}: {error}") from error
        self.written = (head.size, head.leaf)
        return head

    def _put(self, drafts: Sequence[Draft], connection: sqlite3.Connection, *, keep: bool, close: bool) -> Head:
        """Inside a transaction, in the connection's thread."""
        head = self._head(connection)
        self._check(connection, head)
        events = placed(head, _new(connection, drafts))
        insert(connection, INSERT, [row_of(*pair) for pair in events])
        last = events[-1][1] if events else head.last
        signed = Head(head.origin, head.edge, head.note, close, last)
        head = self._signed(connection, signed, [event for _, event in events])
        values = (head.edge.size, bytes(head.edge), head.note, int(close))
        connection.execute("UPDATE head SET size = ?, edge = ?, note = ?, closed = ?", values)
        if keep and head.note is not None and head.edge.size == head.size:
            connection.execute("INSERT OR REPLACE INTO checkpoint (size, note) VALUES (?, ?)", (head.size, head.note))
        return head

    def _head(self, connection: sqlite3.Connection) -> Head:
        row = connection.execute(HEAD).fetchone()
        if row is None:
            raise TrailUnavailable(f"{self.path}: it has no head")
        head = read_head(row)
        if head.closed:
            raise TrailClosed(f"{self.path}: was rotated away")
        return head

    def _check(self, connection: sqlite3.Connection, head: Head) -> None:
        """Notice that events which this process put in are no longer there."""
        if self.written is None:
            return
        seq, leaf = self.written
        rows = connection.execute("SELECT body FROM event WHERE seq = ?", (seq,)).fetchall()
        if head.size < seq or [leaf_hash(bytes(row[0])) for row in rows] != [leaf]:
            raise TrailTampered(f"{self.path}: event {seq}, acknowledged before, is gone or changed (audit verify)")

    async def missing(self, drafts: Sequence[Draft]) -> list[Draft]:
        """Those that are not in the trail. Raises ``TrailUnavailable``."""
        async with self._turn:
            try:
                return await self._connection.transaction(lambda connection: _new(connection, drafts))
            except _TROUBLE as error:
                raise TrailUnavailable(f"{self.path}: {error}") from error

    def _signed(self, connection: sqlite3.Connection, head: Head, events: Sequence[Event]) -> Head:
        """Sign the tree up to the last event, if there is a key and the stored edge is one that it signed."""
        if self.signer is None:
            self.unsigned = self.unsigned or "there is no signing key"
            return head
        if head.note != self._trusted or head.note is None:
            if not head.trusted_by(self.signer):
                self.unsigned = "the head is not signed by this key, or was changed since"
                return head
            self._trusted = head.note
        before = _uncovered(connection, head, head.size - len(events))
        edge = head.edge.grown(leaf_hash(body) for body in [*before, *(event.body for event in events)])
        if edge.size != head.size:
            self.unsigned = f"more than {_GROW_MOST} events are unsigned"
            return head
        note = self.signer.sign(Checkpoint(head.origin, edge.size, edge.root()))
        self._trusted, self.unsigned = note, ""
        return Head(head.origin, edge, note, head.closed, head.last)

    async def execute(self, sql: str, *rows: tuple[Any, ...]) -> None:
        """Write to the tables beside the events (cursors of sinks). Raises ``TrailUnavailable``."""
        async with self._turn:
            try:
                await self._connection.executemany(sql, rows)
            except _TROUBLE as error:
                raise TrailUnavailable(f"{self.path}: {error}") from error

    async def close(self) -> None:
        """Close the file, without waiting for ever for a disk that hangs."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS), self._turn:
                await self._connection.close()


def _new(connection: sqlite3.Connection, drafts: Sequence[Draft]) -> list[Draft]:
    """Those that are not in the trail; only late ones and repeated tries can be."""
    seen: set[str] = set()
    for start in range(0, len(drafts), 500):
        ids = [draft.id for draft in drafts[start : start + 500]]
        sql = f"SELECT id FROM event WHERE id IN ({','.join('?' * len(ids))})"  # noqa: S608  (placeholders only)
        seen.update(str(row[0]) for row in connection.execute(sql, ids).fetchall())
    fresh: dict[str, Draft] = {draft.id: draft for draft in drafts if draft.id not in seen}
    return list(fresh.values())


def _uncovered(connection: sqlite3.Connection, head: Head, size: int) -> list[bytes]:
    """Bodies of events that were appended unsigned (a console without the key)."""
    if head.edge.size >= size:
        return []
    sql = "SELECT body FROM event WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?"
    return [bytes(row[0]) for row in connection.execute(sql, (head.edge.size, size, _GROW_MOST)).fetchall()]


async def open_trail(path: Path, signer: Signer | None) -> Trail:
    """Open an existing volume for appending.

    Raises:
        TrailUnavailable: missing, damaged, not a trail, not writable.
    """
    connection: Database | None = None
    try:
        await asyncio.to_thread(_check_private, path)
        connection = await connect(_uri(path), uri=True, timeout=BUSY_SECONDS)
        for pragma in PRAGMAS:
            await connection.execute(pragma)
        trail = Trail(connection, path, signer)
        trail.size_when_opened = read_head(next(iter(await connection.execute_fetchall(HEAD)), ())).size
    except private.NotPrivate as error:
        raise TrailUnavailable(str(error)) from None
    except (*_TROUBLE, OSError) as error:
        if connection is not None:
            with suppress(sqlite3.Error, ValueError):
                await connection.close()
        raise TrailUnavailable(f"{path}: {error}") from error
    return trail


def _check_private(path: Path) -> None:
    private.check_file(path)
    private.check_file(path.with_name(f"{path.name}-journal"))  # SQLite would play it back


def _uri(path: Path) -> str:
    """A volume that must exist: SQLite must not make an empty one in its place."""
    return f"{path.absolute().as_uri()}?mode=rw"


def _inode(path: Path) -> tuple[int, int] | None:
    """What file a path names now; None when it names none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino)


def _heard(work: asyncio.Future[Head]) -> None:
    """Take note of a failure that nobody waits for any more."""
    if not work.cancelled():
        work.exception()
