"""Volumes of a trail that somebody hostile wrote: one line of answer each time, and no changed trail is ever whole."""

from __future__ import annotations

import io
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from math import isnan
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hostile.strategies import JUNK, anything, examples, on_the_wire, wrong
from hostile.trail import EVENTS, pristine, volume_of
from killswitch_console.audit.bundle import write_bundle
from killswitch_console.audit.events import Unreadable, particulars
from killswitch_console.audit.findings import Standing, standing
from killswitch_console.audit.ocsf import ocsf
from killswitch_console.audit.other_trails import read_directory
from killswitch_console.audit.page import page
from killswitch_console.audit.reading import Selection, open_volume, selected
from killswitch_console.audit.storage import SCHEMA, TrailUnavailable
from killswitch_console.audit.tables import write_csv
from killswitch_console.audit.verifying import verify_volume
from killswitch_console.audit.volumes import TrailDirectory
from killswitch_console.cli.failures import explain
from killswitch_console.tui.lines import audit as screen
from trails import unguarded, verifier_of


@pytest.fixture
def harmed(tmp_path: Path) -> Callable[[], TrailDirectory]:
    """Makes a copy of the pristine trail, a new one each time."""
    made = [0]

    def copy() -> TrailDirectory:
        made[0] += 1
        shutil.rmtree(tmp_path / str(made[0] - 1), ignore_errors=True)
        return TrailDirectory(Path(shutil.copytree(pristine().path, tmp_path / str(made[0]))))

    return copy


def read_everything(directory: TrailDirectory) -> None:
    """What a reviewer does with a trail that he was given; raises only what has one line and an exit code."""
    path = volume_of(directory)
    with open_volume(path) as volume:
        volume.head(), volume.size(), volume.signed(), volume.checkpoints(), volume.refused(), volume.cursor("s3")
        volume.latest(Selection(), 5)
        for event in volume.latest(Selection(), EVENTS):
            assert screen.row(event, 120)
            assert screen.details(event, signed=True, anchored=None, width=80)
    read_directory(directory.path, "H1", [verifier_of(pristine())])
    with particulars():
        events = list(selected(directory, Selection()))
        page(events, title="x", footer=[])
        write_csv(events, io.StringIO())
        json.dumps(list(ocsf(events)))
    write_bundle(directory, Selection(), None, directory.path.parent / "out.zip")


def told_in_a_line(work: Callable[[], object]) -> str:
    """The one line that a person reads of what went wrong; empty where nothing did. A defect of ours fails."""
    try:
        work()
    except (TrailUnavailable, Unreadable) as error:
        said, code = explain(error)
        assert code == 4
        assert "\n" not in said
        assert not said.startswith("internal error")
        return said
    return ""


def verdict(directory: TrailDirectory) -> Standing:
    return standing(verify_volume(volume_of(directory), verifier_of(pristine())).findings)


_COLUMNS = ("seq", "id", "at", "kind", "session", "actor", "halt", "incident", "body")
strange = st.one_of(wrong, anything.map(on_the_wire), st.binary(max_size=40), st.integers(-5, 30)).map(
    lambda value: value if isinstance(value, str | bytes | int | float | None) else json.dumps(value)
)


def storable(value: Any) -> Any:
    """A value as SQLite takes it; what is no number it keeps as NULL."""
    if isinstance(value, float) and isnan(value):
        return None
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return float(value) if value < 10**300 else "9" * 400
    return value.encode("utf-8", "surrogatepass").decode("utf-8", "replace") if isinstance(value, str) else value


def believing(path: Path) -> sqlite3.Connection:
    """A connection that writes what the tables forbid: a file is bytes, whatever its schema says."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("DROP TRIGGER IF EXISTS no_update")
    connection.execute("DROP TRIGGER IF EXISTS no_delete")
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute("UPDATE sqlite_schema SET sql = replace(sql, ') STRICT', ')') WHERE name IN ('event', 'head')")
    connection.execute("PRAGMA writable_schema = RESET")
    return connection


def strict_again(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute("UPDATE sqlite_schema SET sql = sql || ' STRICT' WHERE name IN ('event', 'head')")


def put(directory: TrailDirectory, table: str, column: str, value: Any, seq: int) -> bool:
    """Write a value into a column that does not take such; whether that could be done, and changed anything.

    SQLite makes a number of what looks like one: ``+1`` in a column of whole numbers is the 1 that was there.
    """
    where = f" WHERE seq = {seq}" if table == "event" else ""
    held = f"SELECT typeof({column}), {column} FROM {table}"
    with closing(believing(volume_of(directory))) as connection:
        before = connection.execute(held).fetchall()
        try:
            connection.execute(f"UPDATE {table} SET {column} = ?{where}", (storable(value),))
        except sqlite3.Error:
            return False
        changed = bool(connection.execute(held).fetchall() != before)
        strict_again(connection)
    return changed


@examples(40)
@given(st.sampled_from(_COLUMNS), strange, st.integers(1, EVENTS))
@example("body", b"[" * 100_000, 3)
@example("body", on_the_wire({"kind": {"a": 1}, "data": 5}), 3)
@example("kind", None, 1)
@example("body", 10**12, 2)
@example("seq", "text", 4)
@example("seq", "+1", 1)
def test_any_value_in_any_column_is_told_and_never_whole(
    harmed: Callable[[], TrailDirectory], column: str, value: Any, seq: int
) -> None:
    directory = harmed()
    if not put(directory, "event", column, value, seq):
        return
    assert verdict(directory) is Standing.TAMPERED
    told_in_a_line(lambda: read_everything(directory))


@examples(25)
@given(st.sampled_from(("origin", "size", "edge", "note", "closed")), strange)
@example("edge", 10**12)
@example("size", -5)
@example("note", b"\xff")
@example("note", "a\n-5\nAAAA\n\n")
def test_any_head_is_told_and_never_whole(harmed: Callable[[], TrailDirectory], column: str, value: Any) -> None:
    directory = harmed()
    if put(directory, "head", column, value, 0):
        signed = column == "note" and storable(value) not in (None, "", b"")  # else the kept checkpoint covers it all
        assert verdict(directory) is not Standing.WHOLE or not signed
        told_in_a_line(lambda: read_everything(directory))


@examples(30)
@given(st.integers(0, 10**6), st.binary(min_size=1, max_size=30), st.sampled_from(["over", "cut", "add"]))
def test_a_damaged_file_is_told_and_never_whole(
    harmed: Callable[[], TrailDirectory], at: int, junk: bytes, how: str
) -> None:
    directory = harmed()
    path = volume_of(directory)
    content = path.read_bytes()
    at %= len(content)
    changed = {"over": content[:at] + junk + content[at + len(junk) :], "cut": content[:at], "add": content + junk}[how]
    path.write_bytes(changed)
    said = told_in_a_line(lambda: read_everything(directory))
    if verdict(directory) is Standing.WHOLE:  # in space that no page uses, or what no event is in
        assert [event.body for event in selected(directory, Selection())] == [
            event.body for event in selected(pristine(), Selection())
        ]
    assert "\x1b" not in said


def test_text_that_is_no_text_is_told_and_never_whole(harmed: Callable[[], TrailDirectory]) -> None:
    directory = harmed()
    with closing(believing(volume_of(directory))) as connection:
        connection.execute("UPDATE event SET id = CAST(x'80' AS TEXT) WHERE seq = 2")
        strict_again(connection)
    assert verdict(directory) is Standing.TAMPERED
    told_in_a_line(lambda: read_everything(directory))


@pytest.mark.parametrize("content", [*JUNK, b"SQLite format 3\x00" + b"\xff" * 5_000], ids=range(len(JUNK) + 1))
def test_a_file_that_is_no_trail_says_so(harmed: Callable[[], TrailDirectory], content: bytes) -> None:
    directory = harmed()
    volume_of(directory).write_bytes(content)
    assert told_in_a_line(lambda: read_everything(directory))
    assert verdict(directory) is Standing.TAMPERED


_ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i"
_ROW = "'id', '2026-11-22T12:00:00Z', 'kind', 's', 'a', NULL, NULL, x'7b7d'"


@pytest.mark.parametrize(
    "tables",
    [
        f"DROP TABLE event; CREATE VIEW event({', '.join(_COLUMNS)}) AS {_ENDLESS}, {_ROW} FROM n",
        f"DROP TABLE refused; CREATE VIEW refused(sink, seq, why) AS {_ENDLESS}, 1, 2 FROM n",
        "ALTER TABLE event ADD COLUMN more TEXT GENERATED ALWAYS AS (hex(zeroblob(100000000))) VIRTUAL",
        "CREATE TABLE more (x TEXT)",
        "DROP TABLE head",
    ],
    ids=["endless-events", "endless-refused", "generated", "another", "headless"],
)
def test_tables_that_compute_are_not_read(harmed: Callable[[], TrailDirectory], tables: str) -> None:
    directory = harmed()
    with unguarded(volume_of(directory)) as connection:
        connection.executescript(tables)
    assert "tables are not those of a trail" in told_in_a_line(lambda: read_everything(directory))
    assert verdict(directory) is Standing.TAMPERED


def test_events_that_lead_back_are_not_read_for_ever(tmp_path: Path) -> None:
    """A damaged index: whatever place is asked for, the same rows come."""
    with closing(sqlite3.connect(tmp_path / "x.sqlite3", isolation_level=None)) as connection:
        connection.executescript(SCHEMA)
    with open_volume(tmp_path / "x.sqlite3") as volume:
        volume._rows = lambda *_: [(5, b"{}"), (5, b"{}")]  # type: ignore[method-assign]
        with pytest.raises(TrailUnavailable, match="event 5 comes after event 5"):
            list(volume.events())


def test_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "trail-01ARZ3NDEKTSV4RRFFQ69G5FAV.sqlite3")
    assert "FIFO" in told_in_a_line(lambda: read_directory(tmp_path, "H1", []))
