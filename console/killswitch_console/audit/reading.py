"""Reading the trail without holding up those who write it: short slices, a connection that cannot write.

With a rollback journal a reader keeps writers waiting, so no read lasts longer than one slice; events only ever come
after those that were read, so slices fit together.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from killswitch_console import private
from killswitch_console.audit.events import Event
from killswitch_console.audit.notes import NoteError, read_checkpoint
from killswitch_console.audit.storage import (
    HEAD,
    TABLES,
    Head,
    TrailUnavailable,
    our_tables,
    read_event,
    read_head,
)
from killswitch_console.audit.volumes import TrailDirectory

SLICE: Final = 1000
BUSY_SECONDS: Final = 10.0
MOST_BYTES: Final = 2**28
"""Of one value in a volume: a damaged page may claim any length."""

_ROWS: Final = (
    "SELECT seq, id, at, kind, session, actor, halt, incident, body FROM event WHERE seq > ? ORDER BY seq LIMIT ?"
)

_CONTEXT: Final = "('trail.created', 'session.started', 'session.identity', 'session.ended', 'audit.gap')"
"""Kinds that say who sat there: an export of a halt has those of its sessions too."""


MOST_NAMED: Final = 10_000
"""Halts or sessions that one selection may come to."""

_SCOPE: Final = "instr(json_extract(CAST(body AS TEXT), '$.data.scope'), ?) > 0"
_HALTS_OF_SCOPE: Final = (
    f"SELECT DISTINCT halt FROM event WHERE halt IS NOT NULL AND kind IN ('halt.confirmed', 'restore.confirmed')"  # noqa: S608
    f" AND {_SCOPE}"
)
_OF_SCOPE: Final = f"(kind IN ('plan.shown', 'action.refused') AND {_SCOPE})"


def _marks(values: Sequence[str]) -> str:
    return ",".join("?" * len(values))


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which events are wanted; all that is given must hold."""

    halt: str | None = None
    session: str | None = None
    since: str | None = None
    """RFC 3339 in UTC, as events have it."""
    until: str | None = None
    incident: str | None = None
    actor: str | None = None
    kind: str | None = None
    """A kind, or the beginning of kinds (``halt.``)."""
    scope: str | None = None
    """A part of a scope (``class:refund``): the halts of such scopes, and plans and refusals of them."""
    text: str | None = None
    """Stands anywhere in the event."""

    @property
    def whole(self) -> bool:
        """Whether nothing is left out."""
        return self == Selection()

    @property
    def title(self) -> str:
        """What to call it."""
        of = self.halt or self.session or self.incident
        return f"Audit trail of {of}" if of else "Audit trail"

    def plainly(self) -> tuple[list[str], list[str]]:
        """The conditions on columns, and their parameters; ``halt`` and ``scope`` take a look at the volume."""
        parts: list[str] = []
        given: list[str] = []
        for condition, value in (
            ("session = ?", self.session),
            ("at >= ?", self.since),
            ("at <= ?", self.until),
            ("incident = ?", self.incident),
            ("instr(actor, ?) > 0", self.actor),
            ("(kind = ? OR substr(kind, 1, length(?)) = ?)", self.kind),
            ("CAST(body AS TEXT) LIKE ? ESCAPE '!'", None if self.text is None else f"%{_literally(self.text)}%"),
        ):
            if value is not None:
                parts.append(condition)
                given += [value] * condition.count("?")
        return parts, given


def _literally(text: str) -> str:
    """A text in which LIKE finds nothing special. It does not tell ASCII capitals from small letters."""
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")


Condition = tuple[str, list[str]]
"""SQL and its parameters."""


class Volume:
    """One volume, open for reading. Use ``open_volume``. All methods block and raise ``TrailUnavailable``."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection

    def check(self) -> None:
        """See that it is a volume, and have SQLite believe nothing of a file that may be a stranger's.

        Raises:
            TrailUnavailable: it is none.
        """
        self._rows("PRAGMA trusted_schema = OFF")
        self._rows("PRAGMA cell_size_check = ON")
        if set(self._rows(TABLES)) != our_tables():
            raise TrailUnavailable(f"{self.path}: its tables are not those of a trail")

    def head(self) -> Head:
        """Where it ends now. Raises ``TrailUnavailable``."""
        try:
            (row,) = self._rows(HEAD, ())
            return read_head(row)
        except ValueError as error:
            raise TrailUnavailable(f"{self.path}: its head does not read: {error}") from error

    def size(self) -> int:
        """How many events there are, without reading any."""
        return int(self._rows("SELECT coalesce(max(seq), 0) FROM event")[0][0])

    def condition(self, selection: Selection) -> Condition:
        """What a selection comes to in this volume; the halts of a scope are looked up once, here."""
        parts, given = selection.plainly()
        if selection.halt is not None:
            sessions = self._texts("SELECT DISTINCT session FROM event WHERE halt = ?", selection.halt)
            parts.append(f"(halt = ? OR (kind IN {_CONTEXT} AND session IN ({_marks(sessions)})))")
            given += [selection.halt, *sessions]
        if selection.scope is not None:
            halts = self._texts(_HALTS_OF_SCOPE, selection.scope)
            parts.append(f"(halt IN ({_marks(halts)}) OR (halt IS NULL AND {_OF_SCOPE}))")
            given += [*halts, selection.scope]
        return " AND ".join(parts) or "1", given

    def between(self, first: int, last: int) -> dict[int, Event]:
        """The events of some places, by place; one that was removed is not among them."""
        sql = "SELECT seq, body FROM event WHERE seq BETWEEN ? AND ?"
        return {event.seq: event for event in self._events(self._rows(sql, (first, last)))}

    def happened(self, seq: int) -> str:
        """When the event of a place happened; empty where there is none."""
        rows = self._rows("SELECT at FROM event WHERE seq = ?", (seq,))
        return str(rows[0][0]) if rows else ""

    def matching(self, condition: Condition, first: int, last: int) -> list[int]:
        """The places of events that meet a condition, the last one first."""
        where, given = condition
        sql = f"SELECT seq FROM event WHERE seq BETWEEN ? AND ? AND {where} ORDER BY seq DESC"  # noqa: S608  (ours)
        return [int(row[0]) for row in self._rows(sql, (first, last, *given))]

    def signed(self) -> tuple[str, int]:
        """The receipt of the last signature, and how many events it covers. Raises ``TrailUnavailable``."""
        ((note,),) = self._rows("SELECT note FROM head") or [(None,)]
        if note is None:
            return "", 0
        try:
            checkpoint = read_checkpoint(str(note))
        except NoteError as error:
            raise TrailUnavailable(f"{self.path}: its head does not read: {error}") from error
        return checkpoint.receipt, checkpoint.size

    def refused(self) -> int:
        """How many records mirrors refused for good."""
        return int(self._rows("SELECT count(*) FROM refused")[0][0])

    def _texts(self, sql: str, *given: str) -> list[str]:
        return [str(row[0]) for row in self._rows(sql, given)][:MOST_NAMED]

    def rows(self, *, up_to: int | None = None) -> Iterator[tuple[Any, ...]]:
        """All rows as they are stored: seq, id, at, kind, session, actor, halt, incident, body."""
        yield from self._sliced(_ROWS, [], up_to)

    def events(
        self, selection: Selection = Selection(), *, after: int = 0, up_to: int | None = None
    ) -> Iterator[Event]:
        """The selected events, in order."""
        where, given = self.condition(selection)
        sql = f"SELECT seq, body FROM event WHERE seq > ? AND {where} ORDER BY seq LIMIT ?"  # noqa: S608  (ours)
        yield from self._events(self._sliced(sql, given, up_to, after=after))

    def latest(self, selection: Selection, most: int) -> list[Event]:
        """The last selected events, oldest first."""
        where, given = self.condition(selection)
        sql = f"SELECT seq, body FROM event WHERE {where} ORDER BY seq DESC LIMIT ?"  # noqa: S608  (ours)
        return list(self._events(reversed(self._rows(sql, (*given, most)))))

    def event(self, event_id: str) -> Event | None:
        """One event, by its id or its place."""
        rows = self._rows("SELECT seq, body FROM event WHERE id = ?", (event_id,))
        if not rows and event_id.isascii() and event_id.isdigit():
            rows = self._rows("SELECT seq, body FROM event WHERE seq = ?", (int(event_id[:18]),))
        return next(self._events(rows), None)

    def checkpoints(self) -> list[tuple[int, str]]:
        """The kept checkpoints: size and signed note."""
        return [(int(size), str(note)) for size, note in self._rows("SELECT size, note FROM checkpoint ORDER BY size")]

    def cursor(self, sink: str) -> tuple[int, str, str | None] | None:
        """How far a sink is: the next event it gets, when it last took some, what is wrong with it."""
        rows = self._rows("SELECT next_seq, at, problem FROM cursor WHERE sink = ?", (sink,))
        if rows and not isinstance(rows[0][0], int):
            raise self._changed(f"how far {sink} is does not read")
        return (rows[0][0], str(rows[0][1]), rows[0][2]) if rows else None

    def _sliced(self, sql: str, given: list[str], up_to: int | None, *, after: int = 0) -> Iterator[tuple[Any, ...]]:
        while rows := self._rows(sql, (after, *given, SLICE)):
            after = self._last([after, *(row[0] for row in rows)])
            for row in rows:
                if up_to is not None and row[0] > up_to:
                    return
                yield row

    def _last(self, places: list[Any]) -> int:
        """The last of some places, which must grow: a damaged index may lead back to where it was, for ever."""
        for before, seq in pairwise(places):
            if type(seq) is not int or seq <= before:
                raise self._changed(f"event {seq} comes after event {before}")
        return int(places[-1])

    def _events(self, rows: Iterable[tuple[Any, ...]]) -> Iterator[Event]:
        for seq, body in rows:
            try:
                event = read_event(seq, body)
            except ValueError as error:
                raise self._changed(str(error)) from error
            yield event

    def _changed(self, why: str) -> TrailUnavailable:
        return TrailUnavailable(f"{self.path}: was changed: {why} (`audit verify`)")

    def _rows(self, sql: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        try:
            try:
                return self._connection.execute(sql, parameters).fetchall()
            except sqlite3.OperationalError as error:
                if getattr(error, "sqlite_errorname", "") != "SQLITE_READONLY_ROLLBACK":
                    raise  # text that is no UTF-8 is Python's own complaint, and has no such name
                _finish_rollback(self.path)
                return self._connection.execute(sql, parameters).fetchall()
        except (sqlite3.Error, ValueError) as error:
            raise TrailUnavailable(f"{self.path}: {error}") from error


def _finish_rollback(path: Path) -> None:
    """Take back what a killed process left half written (it was never acknowledged), as any writer would."""
    with closing(sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()


@contextmanager
def open_volume(path: Path) -> Iterator[Volume]:
    """Open a volume for reading.

    Raises:
        TrailUnavailable: missing, damaged, not a trail.
    """
    try:
        private.check_plain(path)
        uri = f"{path.absolute().as_uri()}?mode=ro"
        connection = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        raise TrailUnavailable(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    with closing(connection):
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_BYTES)
        volume = Volume(path, connection)
        volume.check()
        yield volume


def selected(directory: TrailDirectory, selection: Selection) -> Iterator[Event]:
    """The selected events of all volumes, oldest first."""
    for path in directory.volumes():
        with open_volume(path) as volume:
            yield from volume.events(selection)
