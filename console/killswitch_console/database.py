"""SQLite through aiosqlite, with whole transactions in one step.

Every awaited statement is a trip to the connection's thread and back through the event loop. A halt that sends
thousands of requests keeps that loop busy, so that a transaction of eight statements waits eight turns, and the
targets that wait for their intent with it. Here a transaction is one function that runs in the connection's thread.
Must not know what is stored.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final, TypeVar, cast

import aiosqlite

_T = TypeVar("_T")

Row = tuple[Any, ...]

ROWS_AT_ONCE: Final = 100
"""Rows of one INSERT. Python's SQLite gives up the interpreter for every step and has to win it back from the loop,
so a statement for each row would be slow just when the loop is busy."""


class Database(aiosqlite.Connection):
    """A connection of aiosqlite's that can do several things at once."""

    async def transaction(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        """Run ``work`` between BEGIN IMMEDIATE and COMMIT, in the connection's thread; nothing is kept if it raises.

        Raises:
            sqlite3.Error: what SQLite says; also whatever ``work`` raises.
            ValueError: the connection is closed.
        """
        return cast("_T", await self._execute(_transact, self._conn, work))  # type: ignore[no-untyped-call]


def _transact(connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], _T]) -> _T:
    connection.execute("BEGIN IMMEDIATE")
    try:
        done = work(connection)
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):  # what came first is raised
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        raise
    return done


def insert(connection: sqlite3.Connection, into: str, rows: Sequence[Row]) -> None:
    """Insert rows, many at once.

    Args:
        connection: where.
        into: the statement up to its values: ``INSERT INTO event (seq, id)``.
        rows: the values, all of the same length.
    """
    for start in range(0, len(rows), ROWS_AT_ONCE):
        some = rows[start : start + ROWS_AT_ONCE]
        one = f"({','.join('?' * len(some[0]))})"
        connection.execute(f"{into} VALUES {','.join([one] * len(some))}", [value for row in some for value in row])


async def connect(database: str, *, uri: bool = False, timeout: float) -> Database:
    """Open a database without implicit transactions. ``timeout`` is in seconds: how long a lock is waited for."""

    def connector() -> sqlite3.Connection:
        return sqlite3.connect(database, uri=uri, timeout=timeout, isolation_level=None)

    return cast("Database", await Database(connector, iter_chunk_size=64))
