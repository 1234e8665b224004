"""Events of somebody hostile: from the remote store, a spool, a changed trail; and what is made of them for readers."""

from __future__ import annotations

import io
import json
import sqlite3
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from hostile.strategies import JUNK, anything, examples, on_the_wire, spoilt, text
from hostile.trail import NOW
from killswitch_console.audit import in_words
from killswitch_console.audit.canonical import canonical
from killswitch_console.audit.events import Draft, Event, Unreadable, particulars
from killswitch_console.audit.notes import NoteError, read_checkpoint
from killswitch_console.audit.ocsf import ocsf
from killswitch_console.audit.page import page
from killswitch_console.audit.signals import signals
from killswitch_console.audit.spool import Spool
from killswitch_console.audit.tables import inert, write_csv
from killswitch_console.tui.lines import audit as screen
from trails import a_session

DRAFT = a_session().draft("halt.confirmed", {"scope": "agent:a", "targets": ["t"]}, halt_id="H").fields()


@examples(120)
@given(st.one_of(spoilt(DRAFT).map(lambda drawn: drawn[1]), anything))
@example("[" * 100_000)
@example(DRAFT | {"id": ["a"]})
@example(DRAFT | {"actor": "\x1b[2J"})
@example(DRAFT | {"data": {"share": 0.5}})
@example(DRAFT | {"at": "2026-11-22"})
def test_a_strangers_event_is_one_or_is_left_out(value: Any) -> None:
    """What is read here goes into the trail: one that it cannot take would keep out all that follow."""
    try:
        draft = Draft.read(value.encode("utf-8", "replace") if isinstance(value, str) else on_the_wire(value))
    except Unreadable:
        return
    written = canonical(draft.fields())
    assert Draft.read(written) == draft
    assert all(c.isprintable() for c in draft.actor + draft.kind + str(list(draft.data.values())))
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("SELECT ?, ?, ?", (draft.id, draft.halt, draft.incident))


@examples(40)
@given(st.lists(st.one_of(st.binary(max_size=60), st.sampled_from(JUNK)), max_size=4))
def test_a_damaged_spool_gives_what_is_whole_of_it(tmp_path: Path, lines: list[bytes]) -> None:
    tmp_path.chmod(0o700)
    path = tmp_path / "spool"
    body = canonical(DRAFT)
    good = sha256(body).hexdigest().encode() + b" " + body
    forged = [
        sha256(line).hexdigest().encode() + b" " + line.replace(b"\x00", b"").replace(b"\n", b"") for line in lines
    ]
    path.write_bytes(b"\n".join([good, *(line.replace(b"\x00", b"") for line in [*lines, *forged])]) + b"\n")
    path.chmod(0o600)
    assert [draft.id for draft in Spool(path).read().drafts] == [DRAFT["id"]]


BODY = DRAFT | {"seq": 1, "prev": "0" * 64}


@examples(120)
@given(st.one_of(spoilt(BODY).map(lambda drawn: drawn[1]), anything))
@example(BODY | {"data": {"evidence": "x", "elapsed_ms": "y", "targets": 5, "backend_slo_ms": 3}})
@example(BODY | {"kind": "halt.ended", "data": {"elapsed_ms": "soon"}})
@example(BODY | {"kind": "target.state", "data": {"evidence": 5, "target": ["x"]}})
@example(BODY | {"kind": "halt.confirmed", "halt": "H", "data": {"backend_slo_ms": {"x": 10**400}}})
def test_what_is_made_of_any_event_is_inert_or_refused(value: Any) -> None:
    event = Event(1, on_the_wire(value))
    assert all(len(span) == 2 for span in screen.row(event, 100))
    screen.details(event, signed=None, anchored=None, width=40)
    try:
        with particulars():
            assert isinstance(in_words.summary(event.fields), str)
            table = io.StringIO()
            write_csv([event], table)
            html = page([event], title="x", footer=[])
            json.dumps(list(ocsf([event])))
            signals([event], NOW)
    except Unreadable:
        return
    assert not [c for c in table.getvalue() if not c.isprintable() and c not in "\r\n"]
    assert "<script" not in html
    assert "\x1b" not in html


@examples(80)
@given(st.one_of(text, st.sampled_from(["=", "\uff1d1+1", " \t=1", "'=1", "\u200b=1", "\n=1"])))
def test_no_cell_is_a_formula(cell: str) -> None:
    shown = inert(cell)
    assert shown.startswith("'") or shown.lstrip(" '\"")[:1] not in tuple("=+-@|%\t\r\uff1d\uff0b\uff0d\uff20")
    assert "\x1b" not in shown


@examples(60)
@given(text)
@example("a\n-1\n" + "A" * 43 + "=\n\n\u2014 x AAAAAAAA\n")
@example("a\n1_0\n" + "A" * 43 + "=\n\n\u2014 x AAAAAAAA\n")
@example("a\n" + "9" * 5_000 + "\n" + "A" * 43 + "=\n\n\u2014 x AAAAAAAA\n")
def test_a_checkpoint_of_anybody_is_one_or_is_none(note: str) -> None:
    try:
        found = read_checkpoint(note)
    except NoteError:
        return
    assert found.size >= 0
    assert note.startswith(found.text)
