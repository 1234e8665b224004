"""The ledger: halts and the prior state of every target, durable before the first change (design.md safety rule 1).

One SQLite file in the state directory, shared by all consoles of one account on this bastion. It is the halting
engine's memory, not the audit trail: it may be updated, the trail may not. It decides nothing; it must never be
written to after a mutation in place of before.

The journal is a rollback journal with full synchronisation, not a write-ahead log: several processes share the file,
and SQLite 3.7.0 to 3.51.2 can lose commits of a write-ahead log with more than one connection (trust.md 2.2).
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from killswitch_backends.protocol import Order
from killswitch_console import private
from killswitch_console.authority.invoker import Invoker
from killswitch_console.database import Database, connect, insert
from killswitch_console.halting.approving import Approval
from killswitch_console.halting.ledger_file import make_private, prepare
from killswitch_console.halting.ledger_rows import dump, load, moment, restore_begun, storable
from killswitch_console.halting.progress import TargetProgress
from killswitch_console.halting.record import HaltHeader, HaltRecord
from killswitch_console.halting.reviving import Revival
from killswitch_console.halting.turns import in_turns
from killswitch_inventory.scopes import Scope
from killswitch_inventory.targets import TargetId

BUSY_SECONDS: Final = 2.0
"""How long a write waits for another process; a halt does not wait longer, it goes on and says so."""

CLOSE_SECONDS: Final = 5.0
"""How long closing may wait for a write that is under way."""

_Row = tuple[str | None, ...]

_Statement = tuple[str, Sequence[_Row]]
"""An SQL statement and the rows it is run for; an INSERT without values takes many at once."""

_TROUBLE: Final = (sqlite3.Error, ValueError)
"""What aiosqlite raises: SQLite's errors, and ValueError when its thread has ended."""


class LedgerError(Exception):
    """The ledger could not be read or written; says which file and why."""


class Ledger:
    """An open ledger. One connection per process; writes are serialised and never half-cancelled."""

    def __init__(self, connection: Database, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._turn = asyncio.Lock()
        self._header = TypeAdapter(HaltHeader)
        self._progress = TypeAdapter(TargetProgress)
        self._invoker = TypeAdapter(Invoker)

    async def begin(self, header: HaltHeader, targets: Iterable[TargetProgress]) -> None:
        """Make a halt and the intent and prior state of its first targets durable, in one transaction."""
        row = (header.halt_id, dump(self._header, header), header.invoked_at.isoformat())
        insert = ("INSERT OR REPLACE INTO halt (halt_id, header, invoked_at) VALUES (?, ?, ?)", [row])
        await self._write([insert, self._put(header.halt_id, targets)])

    async def save(self, halt_id: str, targets: Iterable[TargetProgress]) -> None:
        """Make the progress of some targets durable, in one transaction."""
        await self._write([self._put(halt_id, targets)])

    async def end(self, halt_id: str, at: datetime, *, warnings: Iterable[str] = ()) -> None:
        """Record when a halt ended, and what went wrong beside its targets."""
        await self._write(
            [
                ("UPDATE halt SET ended_at = ? WHERE halt_id = ?", [(at.isoformat(), halt_id)]),
                ("INSERT INTO warning VALUES (?, ?)", [(halt_id, text) for text in warnings]),
            ]
        )

    async def extend(self, header: HaltHeader, targets: Iterable[TargetProgress]) -> None:
        """Make what a hold adds to its halt durable, before any of it is changed."""
        update = ("UPDATE halt SET header = ? WHERE halt_id = ?", [(dump(self._header, header), header.halt_id)])
        await self._write([update, self._put(header.halt_id, targets)])

    async def note_revivals(self, halt_id: str, revivals: Iterable[Revival]) -> None:
        """Record what was revived, by whom, and when it was halted again."""
        rows = [
            (halt_id, str(r.target), r.at.isoformat(), r.by, r.reasserted_at.isoformat() if r.reasserted_at else None)
            for r in revivals
        ]
        await self._write([("INSERT OR REPLACE INTO revival VALUES (?, ?, ?, ?, ?)", rows)])

    async def begin_restore(
        self, order: Order, lifted: Iterable[TargetProgress] = (), only: Scope | None = None
    ) -> None:
        """Record who restores what of a halt and why, and that nobody holds it any more, before it is put back.

        An approval is used up by it.
        """
        at, halt_id = order.at.isoformat(), order.halt_id
        await self._write(
            [
                ("INSERT INTO restore VALUES (?, ?, ?, ?)", [(halt_id, at, order.invoker, order.reason)]),
                ("INSERT INTO partial VALUES (?, ?, ?)", [(halt_id, at, str(only))] if only else []),
                ("UPDATE approval SET used_at = ? WHERE halt_id = ? AND used_at IS NULL", [(at, halt_id)]),
                self._put(halt_id, lifted),
            ]
        )

    async def close_restores(self, halt_id: str, at: datetime, targets: Iterable[TargetProgress] = ()) -> None:
        """Record that no restore of a halt is under way any more, and where some targets were left."""
        close = (
            "INSERT INTO restore_end SELECT halt_id, at, ? FROM restore WHERE halt_id = ? "
            "AND at NOT IN (SELECT at FROM restore_end WHERE halt_id = restore.halt_id)"
        )
        await self._write([(close, [(at.isoformat(), halt_id)]), self._put(halt_id, targets)])

    async def end_restore(self, halt_id: str, at: datetime) -> None:
        """Record when a restore ended, whole or not."""
        await self._write([("UPDATE halt SET restored_at = ? WHERE halt_id = ?", [(at.isoformat(), halt_id)])])

    async def approve(self, halt_id: str, approval: Approval) -> None:
        """Record a second person's agreement to a restore."""
        row = (halt_id, dump(self._invoker, approval.approver), approval.at.isoformat())
        await self._write([("INSERT INTO approval (halt_id, approver, at) VALUES (?, ?, ?)", [row])])

    async def warn(self, halt_id: str, text: str) -> None:
        """Record what went wrong beside a halt's targets, after its end."""
        await self._write([("INSERT INTO warning VALUES (?, ?)", [(halt_id, text)])])

    async def note_security(self, halt_id: str, what: str, invoker: Invoker, reason: str, at: datetime) -> None:
        """Record that somebody went past a safeguard, and why."""
        row = (halt_id, at.isoformat(), what, dump(self._invoker, invoker), reason)
        await self._write([("INSERT INTO security VALUES (?, ?, ?, ?, ?)", [row])])

    async def revivals(self, halt_id: str) -> list[Revival]:
        """What was revived during a halt and its hold, oldest first."""
        rows = await self._read(
            "SELECT target, at, by, reasserted_at FROM revival WHERE halt_id = ? ORDER BY at", halt_id
        )
        with self._reading():
            return [
                Revival(TargetId.parse(str(row[0])), datetime.fromisoformat(str(row[1])), str(row[2]), moment(row[3]))
                for row in rows
            ]

    async def version(self) -> int:
        """A number that changes when another process has written."""
        return int((await self._read("PRAGMA data_version"))[0][0])

    async def ids(self) -> list[str]:
        """The ids of all halts."""
        return [str(row[0]) for row in await self._read("SELECT halt_id FROM halt")]

    async def unrestored(self) -> list[str]:
        """The ids of halts that have something left to put back, oldest first."""
        rows = await self._read(
            "SELECT halt_id FROM halt WHERE halt_id IN "
            "(SELECT halt_id FROM target WHERE json_extract(progress, '$.state') <> 'restored') "
            "ORDER BY invoked_at, halt_id"
        )
        return [str(row[0]) for row in rows]

    async def explaining(self, targets: Iterable[TargetId], *, since: datetime) -> list[HaltRecord]:
        """The halts of any of these targets that are in force, or were put back since then."""
        rows = await self._read(
            "SELECT DISTINCT halt_id FROM target JOIN halt USING (halt_id) "
            "WHERE target IN (SELECT value FROM json_each(?)) "
            "AND (restored_at IS NULL OR restored_at >= ? OR json_extract(progress, '$.state') <> 'restored')",
            json.dumps([str(target) for target in targets]),
            since.isoformat(),
        )
        records = [await self.halt(str(row[0])) for row in rows]
        return [record for record in records if record is not None]

    async def halts(self) -> list[HaltRecord]:
        """All halts, oldest first."""
        ids = await self._read("SELECT halt_id FROM halt ORDER BY invoked_at, halt_id")
        records = [await self.halt(str(row[0])) for row in ids]
        return [record for record in records if record is not None]

    async def halt(self, halt_id: str) -> HaltRecord | None:
        """One halt, or None if this ledger does not know it."""
        rows = await self._read("SELECT header, ended_at, restored_at FROM halt WHERE halt_id = ?", halt_id)
        if not rows:
            return None
        targets = await self._read("SELECT progress FROM target WHERE halt_id = ? ORDER BY target", halt_id)
        warnings = await self._read("SELECT text FROM warning WHERE halt_id = ?", halt_id)
        approvals = await self._read("SELECT approver, at, used_at FROM approval WHERE halt_id = ?", halt_id)
        parts = await self._read("SELECT scope FROM partial WHERE halt_id = ?", halt_id)
        begun = await self._read(
            "SELECT at, invoker, reason FROM restore WHERE halt_id = ? "
            "AND at NOT IN (SELECT at FROM restore_end WHERE halt_id = restore.halt_id) ORDER BY at DESC LIMIT 1",
            halt_id,
        )
        header, ended_at, restored_at = rows[0]
        with self._reading():
            return HaltRecord(
                header=load(self._header, str(header)),
                targets=tuple([load(self._progress, str(row[0])) async for row in in_turns(targets)]),
                ended_at=moment(ended_at),
                restored_at=moment(restored_at),
                warnings=tuple(str(row[0]) for row in warnings),
                approvals=tuple(self._approval(*row) for row in approvals),
                put_back_scopes=tuple(Scope.parse(str(row[0])) for row in parts),
                restoring=restore_begun(*begun[0]) if begun else None,
            )

    def _approval(self, approver: object, at: object, used_at: object) -> Approval:
        return Approval(load(self._invoker, str(approver)), datetime.fromisoformat(str(at)), moment(used_at))

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Rows become values; those that cannot were written by another version, or by somebody else."""
        try:
            yield
        except ValueError as error:
            raise LedgerError(f"{self._path}: holds a record that this version cannot read: {error}") from error

    def _put(self, halt_id: str, targets: Iterable[TargetProgress]) -> _Statement:
        rows: list[_Row] = [(halt_id, str(t.target), dump(self._progress, t)) for t in targets]
        return "INSERT OR REPLACE INTO target", rows

    async def _write(self, statements: Sequence[_Statement]) -> None:
        """Run statements as one durable transaction; a cancelled caller does not leave it half done."""
        work = asyncio.ensure_future(self._transaction(statements))
        work.add_done_callback(_heard)
        await asyncio.shield(work)

    async def _transaction(self, statements: Sequence[_Statement]) -> None:
        async with self._turn:
            try:
                await self._connection.transaction(partial(_run, statements))
            except _TROUBLE as error:
                raise LedgerError(f"{self._path}: {error}") from error

    async def idle(self) -> None:
        """Wait until no write is under way."""
        async with self._turn:
            return

    async def _read(self, sql: str, *parameters: str) -> list[sqlite3.Row]:
        async with self._turn:
            try:
                return list(await self._connection.execute_fetchall(sql, parameters))
            except _TROUBLE as error:
                raise LedgerError(f"{self._path}: {error}") from error


def _run(statements: Sequence[_Statement], connection: sqlite3.Connection) -> None:
    for sql, rows in statements:
        storable_rows = [tuple(map(storable, row)) for row in rows]
        if "?" in sql:
            connection.executemany(sql, storable_rows)
        else:
            insert(connection, sql, storable_rows)


def _heard(work: asyncio.Future[None]) -> None:
    """Take note of a failure that nobody waits for any more: whoever was cancelled still has the rows as unsaved."""
    if not work.cancelled():
        work.exception()


@asynccontextmanager
async def open_ledger(state_dir: Path) -> AsyncIterator[Ledger]:
    """Open (or create) the ledger of a state directory, readable by its owner only.

    Raises:
        LedgerError: when the directory or the file cannot be used.
    """
    path = state_dir / "ledger.sqlite3"
    try:
        make_private(path)
        connection = await connect(str(path), timeout=BUSY_SECONDS)
    except private.NotPrivate as error:
        raise LedgerError(str(error)) from None
    except (OSError, sqlite3.Error) as error:
        raise LedgerError(f"{path}: {error}") from error
    ledger = Ledger(connection, path)
    try:
        await _prepared(connection, path)
        yield ledger
    finally:
        with suppress(TimeoutError):  # a disk that hangs keeps its thread; the process must end all the same
            async with asyncio.timeout(CLOSE_SECONDS):
                await ledger.idle()
                await connection.close()


async def _prepared(connection: Database, path: Path) -> None:
    try:
        await prepare(connection)
    except sqlite3.Error as error:
        raise LedgerError(f"{path}: {error}") from error
