"""The trail: durable, one chain for many processes, signed at every step, never silently replaced."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from killed_writers import kill_at_random
from killswitch_console.audit.continuity import verify_directory
from killswitch_console.audit.findings import Standing, standing
from killswitch_console.audit.maintaining import back_up
from killswitch_console.audit.notes import read_checkpoint
from killswitch_console.audit.reading import Selection, open_volume
from killswitch_console.audit.trail import TrailClosed, TrailTampered
from killswitch_console.audit.volumes import TrailDirectory
from trails import bodies, drafts, recording, trail_of, verifier_of


@pytest.mark.parametrize("seed", range(3))
async def test_killed_writers_lose_nothing_that_was_acknowledged(tmp_path: Path, seed: int) -> None:
    await kill_at_random(tmp_path / "audit", seed=seed, seconds=0.6)


async def test_four_sessions_make_one_chain(tmp_path: Path) -> None:
    directory = TrailDirectory(tmp_path / "audit")

    async def one() -> None:
        async with recording(directory) as recorder:
            for n in range(10):
                await recorder.require("plan.shown", {"n": n})

    await asyncio.gather(one(), one(), one(), one())
    found = bodies(directory)
    assert [body["seq"] for body in found] == list(range(1, len(found) + 1))
    assert sum(body["kind"] == "plan.shown" for body in found) == 40
    assert len({body["session"] for body in found}) == 4
    (report,) = verify_directory(directory, verifier_of(directory), {})
    assert report.findings == []


async def test_an_acknowledged_event_is_on_disk_and_signed(tmp_path: Path) -> None:
    directory = TrailDirectory(tmp_path / "audit")
    async with recording(directory) as recorder:
        await recorder.require("restore.confirmed", {"reason": "all clear", "incident": "INC-1"}, halt_id="h-1")
        path = directory.current()
        assert path is not None
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as other:
            (row,) = other.execute("SELECT body, incident FROM event WHERE halt = 'h-1'").fetchall()
            size, note = other.execute("SELECT size, note FROM head").fetchone()
    assert json.loads(row[0])["data"]["reason"] == "all clear"
    assert row[1] == "INC-1"
    assert read_checkpoint(note).size == size == json.loads(row[0])["seq"]


async def test_the_same_draft_is_put_in_once(tmp_path: Path) -> None:
    directory = TrailDirectory(tmp_path / "audit")
    async with trail_of(directory) as (trail, session):
        three = drafts(session, 3)
        await trail.append(three)
        head = await trail.append([three[1], *drafts(session, 1), three[0]])
    assert head.size == 1 + 3 + 1


async def test_a_console_without_the_key_is_signed_for_later(tmp_path: Path) -> None:
    directory = TrailDirectory(tmp_path / "audit")
    async with trail_of(directory) as (trail, session):
        signer, trail.signer = trail.signer, None
        await trail.append(drafts(session, 5))
        (report,) = verify_directory(directory, verifier_of(directory), {})
        assert [f.standing for f in report.findings] == [Standing.UNVERIFIABLE]
        trail.signer = signer
        await trail.append(drafts(session, 1))
    (report,) = verify_directory(directory, verifier_of(directory), {})
    assert report.findings == []


async def test_a_deleted_volume_is_noticed_and_its_successor_says_so(tmp_path: Path) -> None:
    directory = TrailDirectory(tmp_path / "audit")
    async with recording(directory) as recorder:
        await recorder.require("halt.confirmed", {})
        first = directory.current()
        assert first is not None
        first.unlink()
        await recorder.require("restore.confirmed", {})
    assert directory.current() != first
    created = bodies(directory)[0]
    assert created["data"]["lost"] == first.name  # type: ignore[index]
    (report,) = verify_directory(directory, verifier_of(directory), {})
    assert standing(report.findings) is Standing.TAMPERED


async def test_events_that_vanish_under_a_writer_are_noticed(tmp_path: Path) -> None:
    from trails import unguarded

    directory = TrailDirectory(tmp_path / "audit")
    async with trail_of(directory) as (trail, session):
        await trail.append(drafts(session, 3))
        with unguarded(trail.path) as connection:
            connection.execute("DELETE FROM event WHERE seq = 4")
        with pytest.raises(TrailTampered, match="event 4"):
            await trail.append(drafts(session, 1))


async def test_the_guards_stop_accidents(tmp_path: Path) -> None:
    directory = TrailDirectory(tmp_path / "audit")
    async with trail_of(directory) as (trail, session):
        await trail.append(drafts(session, 1))
        with closing(sqlite3.connect(trail.path)) as other:
            for sql in ("DELETE FROM event", "UPDATE event SET actor = 'x'"):
                with pytest.raises(sqlite3.IntegrityError):
                    other.execute(sql)


async def test_a_closed_volume_takes_nothing(tmp_path: Path) -> None:
    directory = TrailDirectory(tmp_path / "audit")
    async with trail_of(directory) as (trail, session):
        await trail.append(drafts(session, 1), close=True)
        with pytest.raises(TrailClosed):
            await trail.append(drafts(session, 1))


async def test_selects_by_halt_with_its_sessions(tmp_path: Path) -> None:
    directory = TrailDirectory(tmp_path / "audit")
    async with recording(directory) as recorder:
        await recorder.require("halt.confirmed", {"incident": "INC-7", "scope": "global"}, halt_id="h-1")
        await recorder.require("target.call", {}, halt_id="h-1")
        await recorder.require("halt.confirmed", {}, halt_id="h-2")
    path = directory.current()
    assert path is not None
    with open_volume(path) as volume:
        kinds = [event.fields["kind"] for event in volume.events(Selection(halt="h-1"))]
        incident = [event.fields["kind"] for event in volume.events(Selection(incident="INC-7"))]
        calls = [event.fields["kind"] for event in volume.events(Selection(kind="halt."))]
    assert [kind for kind in kinds if "." in kind and not kind.startswith(("session", "trail"))] == [
        "halt.confirmed",
        "target.call",
    ]
    assert "session.started" in kinds
    assert incident == ["halt.confirmed", "target.call"]
    assert calls == ["halt.confirmed", "halt.confirmed"]


async def test_a_full_volume_is_followed_by_one_that_continues_it(tmp_path: Path) -> None:
    directory, warnings = TrailDirectory(tmp_path / "audit"), list[str]()
    async with recording(directory) as staying:
        await staying.require("plan.shown", {"n": 1})
        async with trail_of(directory) as (trail, session):
            await trail.append(drafts(session, 20))
        async with recording(directory, warnings, rotate_events=20) as recorder:
            await recorder.require("plan.shown", {"n": 2})
            await staying.require("plan.shown", {"n": 3})
    reports = verify_directory(directory, verifier_of(directory), {})
    assert [report.findings for report in reports] == [[], []]
    assert "continues" in reports[1].first
    assert reports[0].kinds["trail.closed"] == 1
    shown = [body["data"] for body in bodies(directory) if body["kind"] == "plan.shown"]
    assert shown == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert warnings == []


async def test_a_backup_is_consistent_while_a_console_writes(tmp_path: Path) -> None:
    directory, enough = TrailDirectory(tmp_path / "audit"), asyncio.Event()
    async with trail_of(directory) as (trail, session):

        async def write() -> None:
            while not enough.is_set():
                await trail.append(drafts(session, 50), keep=True)

        writing = asyncio.create_task(write(), name="a console")
        copies = [tmp_path / f"copy-{n}" for n in range(3)]
        sizes = [sum((await asyncio.to_thread(back_up, directory, copy)).values()) for copy in copies]
        enough.set()
        await writing
    assert sizes == sorted(sizes)
    assert sizes[0] < len(bodies(directory))
    for copy, size in zip(copies, sizes, strict=True):
        (report,) = verify_directory(TrailDirectory(copy), verifier_of(directory), {})
        assert (report.findings, report.size, report.signed) == ([], size, size)
