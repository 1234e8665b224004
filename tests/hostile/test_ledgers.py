"""A ledger of somebody hostile, or of a failing disk: read, or told in one line and left as it is."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostile.strategies import JUNK, anything, examples
from killswitch_console.cli.failures import explain
from killswitch_console.halting.ledger import LedgerError, open_ledger

ROWS = ("halt", "target", "revival", "approval", "partial", "restore", "warning")


def spoil(folder: Path, table: str, value: object) -> None:
    """Put a value into every column of a row."""
    with closing(sqlite3.connect(folder / "ledger.sqlite3", isolation_level=None)) as connection:
        halt = ("H1", json.dumps(value), "2026-11-22T12:00:00+00:00", None, None)
        connection.execute("INSERT OR REPLACE INTO halt VALUES (?, ?, ?, ?, ?)", halt)
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        row = [
            "H1" if name == "halt_id" else value if isinstance(value, str) else json.dumps(value) for name in columns
        ]
        connection.execute(f"INSERT OR REPLACE INTO {table} VALUES ({','.join('?' * len(row))})", row)


async def harmed(folder: Path, table: str, value: object) -> str:
    """What is said of a ledger with such a row; empty: it was read."""
    async with open_ledger(folder):
        spoil(folder, table, value)
    try:
        async with open_ledger(folder) as ledger:
            await ledger.halts()
            await ledger.revivals("H1")
            await ledger.unrestored()
    except LedgerError as error:
        return explain(error)[0]
    return ""


@examples(30)
@given(st.sampled_from(ROWS), st.one_of(anything, st.just("[" * 100_000)))
def test_any_row_of_a_ledger_is_told_in_a_line(
    tmp_path_factory: pytest.TempPathFactory, table: str, value: Any
) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return  # SQLite takes no halves of surrogate pairs
    said = asyncio.run(harmed(tmp_path_factory.mktemp("ledger"), table, value))
    assert said
    assert "\n" not in said
    assert not said.startswith("internal error")


@pytest.mark.parametrize("content", JUNK[1:], ids=range(len(JUNK) - 1))
def test_a_ledger_that_is_junk_is_told_in_a_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ledger.sqlite3"
    path.write_bytes(content * 100)
    path.chmod(0o600)

    async def read() -> None:
        async with open_ledger(tmp_path) as ledger:
            await ledger.halts()

    with pytest.raises(LedgerError, match=r"ledger\.sqlite3"):
        asyncio.run(read())
    assert path.read_bytes() == content * 100, "what cannot be read is left as it is, for whoever can"
