"""Whatever is done to a trail afterwards is found, and told with its place."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from hypothesis import given, settings
from hypothesis import strategies as st

from killswitch_console.audit.findings import Finding, Standing, standing
from killswitch_console.audit.merkle import Edge, leaf_hash
from killswitch_console.audit.notes import Checkpoint, Signer, read_checkpoint
from killswitch_console.audit.reading import open_volume
from killswitch_console.audit.storage import HEAD, placed, read_head, row_of
from killswitch_console.audit.verifying import verify_volume
from killswitch_console.audit.volumes import TrailDirectory
from trails import a_session, drafts, trail_of, unguarded, verifier_of

EVENTS = 24


@cache
def pristine() -> TrailDirectory:
    """A trail of some events with some kept checkpoints."""
    directory = TrailDirectory(Path(mkdtemp(prefix="trail-")) / "audit")

    async def fill() -> None:
        async with trail_of(directory) as (trail, session):
            for batch in range(4):
                await trail.append(drafts(session, (EVENTS - 1) // 4 + (batch < (EVENTS - 1) % 4)), keep=batch == 1)

    asyncio.run(fill())
    return directory


def after(harm: Callable[[sqlite3.Connection], object], *, anchors: list[Checkpoint] | None = None) -> list[Finding]:
    """What is found in a copy of the pristine trail after some harm."""
    source = pristine().current()
    assert source is not None
    folder = Path(mkdtemp(prefix="harmed-"))
    try:
        path = Path(shutil.copy(source, folder / source.name))
        with unguarded(path) as connection:
            harm(connection)
        return verify_volume(path, verifier_of(pristine()), anchors or []).findings
    finally:
        shutil.rmtree(folder)


def test_an_unharmed_trail_is_whole() -> None:
    assert after(lambda connection: None) == []


@settings(deadline=None, max_examples=80)
@given(st.integers(1, EVENTS), st.integers(0, 10**6), st.integers(1, 255))
def test_any_changed_byte_is_found(seq: int, at: int, change: int) -> None:
    def harm(connection: sqlite3.Connection) -> None:
        (body,) = connection.execute("SELECT body FROM event WHERE seq = ?", (seq,)).fetchone()
        changed = bytearray(body)
        changed[at % len(changed)] ^= change
        connection.execute("UPDATE event SET body = ? WHERE seq = ?", (bytes(changed), seq))

    findings = after(harm)
    assert standing(findings) is Standing.TAMPERED
    assert any(f"event {seq}" in f.where or f.where.endswith("or before") for f in findings)


@settings(deadline=None, max_examples=30)
@given(st.sampled_from(["id", "at", "kind", "session", "actor", "halt", "incident"]), st.integers(1, EVENTS))
def test_any_changed_column_is_found(column: str, seq: int) -> None:
    findings = after(lambda c: c.execute(f"UPDATE event SET {column} = 'elsewhere' WHERE seq = {seq}"))
    assert [(f.standing, f.where) for f in findings] == [(Standing.TAMPERED, f"event {seq}")]
    assert column in findings[0].what


@settings(deadline=None, max_examples=20)
@given(st.integers(1, EVENTS))
def test_any_deletion_is_found(seq: int) -> None:
    assert standing(after(lambda c: c.execute(f"DELETE FROM event WHERE seq = {seq}"))) is Standing.TAMPERED


@settings(deadline=None, max_examples=20)
@given(st.integers(1, EVENTS), st.integers(1, EVENTS))
def test_any_exchange_is_found(one: int, other: int) -> None:
    def harm(connection: sqlite3.Connection) -> None:
        connection.execute("UPDATE event SET seq = -seq WHERE seq = ?", (one,))
        connection.execute("UPDATE event SET seq = ? WHERE seq = ?", (one, other))
        connection.execute("UPDATE event SET seq = ? WHERE seq = ?", (other, -one))

    assert (standing(after(harm)) is Standing.TAMPERED) == (one != other)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, EVENTS - 1))
def test_truncation_is_found_here_while_the_head_stands(left: int) -> None:
    findings = after(lambda c: c.execute(f"DELETE FROM event WHERE seq > {left}"))
    assert any("truncated" in f.what for f in findings)


def rewrite(connection: sqlite3.Connection, signer: Signer, upto: int) -> None:
    """A fresh chain over the first events, the first of them altered, signed and checkpointed."""
    head = read_head(connection.execute(HEAD).fetchone())
    session = a_session()
    empty = type(head)(head.origin, Edge(), None, False, None)
    events = placed(empty, [session.draft("trail.created", {}), *drafts(session, upto - 1)])
    connection.execute("DELETE FROM event")
    connection.execute("DELETE FROM checkpoint")
    for pair in events:
        connection.execute("INSERT INTO event VALUES (?,?,?,?,?,?,?,?,?)", row_of(*pair))
    edge = Edge().grown(leaf_hash(event.body) for _, event in events)
    note = signer.sign(Checkpoint(head.origin, edge.size, edge.root()))
    connection.execute("UPDATE head SET size = ?, edge = ?, note = ?", (edge.size, bytes(edge), note))


def anchor() -> Checkpoint:
    path = pristine().current()
    assert path is not None
    with open_volume(path) as volume:
        return read_checkpoint(str(volume.head().note))


def test_a_rewrite_without_the_key_is_found() -> None:
    stranger = Signer.of(pristine().signer().name, b"\x07" * 32)
    assert standing(after(lambda c: rewrite(c, stranger, EVENTS))) is Standing.TAMPERED


@settings(deadline=None, max_examples=8)
@given(st.integers(1, EVENTS + 3))
def test_a_rewrite_with_the_stolen_key_is_found_by_the_remote_anchor(upto: int) -> None:
    signer = pristine().signer()
    assert after(lambda c: rewrite(c, signer, upto)) == [], "without an anchor nobody can tell"
    assert standing(after(lambda c: rewrite(c, signer, upto), anchors=[anchor()])) is Standing.TAMPERED


def test_a_truncation_with_the_stolen_key_is_found_by_the_remote_anchor() -> None:
    signer = pristine().signer()

    def harm(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM event WHERE seq > 10")
        connection.execute("DELETE FROM checkpoint WHERE size > 10")
        leaves = [leaf_hash(body) for (body,) in connection.execute("SELECT body FROM event ORDER BY seq")]
        edge = Edge().grown(leaves)
        note = signer.sign(Checkpoint(anchor().origin, 10, edge.root()))
        connection.execute("UPDATE head SET size = 10, edge = ?, note = ?", (bytes(edge), note))

    assert after(harm) == []
    findings = after(harm, anchors=[anchor()])
    assert [f.what for f in findings] == [f"truncated: the remote anchor says {EVENTS} events, there are 10"]


def test_a_removed_signature_is_not_whole() -> None:
    findings = after(lambda c: c.execute("UPDATE head SET note = NULL"))
    assert standing(findings) is Standing.UNVERIFIABLE


def test_a_damaged_file_is_not_whole() -> None:
    source = pristine().current()
    assert source is not None
    folder = Path(mkdtemp(prefix="damaged-"))
    path = Path(shutil.copy(source, folder / source.name))
    data = bytearray(path.read_bytes())
    data[4096:8192] = b"\xff" * 4096
    path.write_bytes(data)
    assert standing(verify_volume(path, verifier_of(pristine())).findings) is Standing.TAMPERED
    path.write_bytes(b"not a database at all, but long enough to be one" * 100)
    assert standing(verify_volume(path, verifier_of(pristine())).findings) is Standing.TAMPERED
    shutil.rmtree(folder)


def test_it_reads_no_more_than_it_must_and_writes_nothing() -> None:
    path = pristine().current()
    assert path is not None
    before = path.read_bytes()
    verify_volume(path, verifier_of(pristine()))
    assert path.read_bytes() == before
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
