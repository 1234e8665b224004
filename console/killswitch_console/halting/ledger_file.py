"""The ledger's file: its tables, who may read it, and how SQLite treats it. Why it is so is said in ``ledger.py``."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from killswitch_console import private
from killswitch_console.database import Database

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS halt (
    halt_id TEXT PRIMARY KEY, header TEXT NOT NULL, invoked_at TEXT NOT NULL, ended_at TEXT, restored_at TEXT
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS target (
    halt_id TEXT NOT NULL REFERENCES halt, target TEXT NOT NULL, progress TEXT NOT NULL, PRIMARY KEY (halt_id, target)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS restore (
    halt_id TEXT NOT NULL REFERENCES halt, at TEXT NOT NULL, invoker TEXT NOT NULL, reason TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS restore_end (
    halt_id TEXT NOT NULL REFERENCES halt, at TEXT NOT NULL, ended_at TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS warning (halt_id TEXT NOT NULL REFERENCES halt, text TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS partial (
    halt_id TEXT NOT NULL REFERENCES halt, at TEXT NOT NULL, scope TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS revival (
    halt_id TEXT NOT NULL REFERENCES halt, target TEXT NOT NULL, at TEXT NOT NULL, by TEXT NOT NULL, reasserted_at TEXT,
    PRIMARY KEY (halt_id, target, at)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS approval (
    halt_id TEXT NOT NULL REFERENCES halt, approver TEXT NOT NULL, at TEXT NOT NULL, used_at TEXT
) STRICT;
CREATE TABLE IF NOT EXISTS security (
    halt_id TEXT NOT NULL REFERENCES halt, at TEXT NOT NULL,
    what TEXT NOT NULL, invoker TEXT NOT NULL, reason TEXT NOT NULL
) STRICT;
"""


def make_private(path: Path) -> None:
    """Create the file and its directory for their owner only, where they are not there yet.

    Raises:
        NotPrivate: another account has a hand in them.
        OSError: they cannot be made.
    """
    private.folder(path.parent)
    private.check_file(path)
    private.check_file(path.with_name(f"{path.name}-journal"))  # SQLite would play it back
    path.touch(mode=0o600)


async def prepare(connection: Database) -> None:
    """Set the journal and the tables. Raises ``sqlite3.Error``."""
    await connection.execute("PRAGMA journal_mode = TRUNCATE")
    await connection.execute("PRAGMA synchronous = FULL")
    await connection.execute("PRAGMA trusted_schema = OFF")
    await connection.executescript(_SCHEMA)
