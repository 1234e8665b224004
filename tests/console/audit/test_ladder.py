"""A trail that cannot be written: halts go on down the ladder in time, all else stops, the gap is replayed."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from killswitch_backends.problems import Unreachable
from killswitch_console.audit.continuity import verify_directory
from killswitch_console.audit.events import Draft
from killswitch_console.audit.findings import Standing, standing
from killswitch_console.audit.ladder import Ladder, Rung
from killswitch_console.audit.maintaining import rotate
from killswitch_console.audit.spool import PREPARED_BYTES, Spool
from killswitch_console.audit.volumes import TrailDirectory
from killswitch_console.halting.recording import RECORD_SECONDS, RecordingNeeded
from simulated import eventually
from trails import a_session, bodies, drafts, recording, trail_of, verifier_of

SLACK = 2.0
"""A busy machine's share of a measured wait; the budget itself is asserted through the ladder's steps."""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another process holds the file and does not let go."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def current(directory: TrailDirectory) -> Path:
    path = directory.current()
    assert path is not None
    return path


def whole(directory: TrailDirectory) -> bool:
    reports = verify_directory(directory, verifier_of(directory), {})
    return not [finding for report in reports for finding in report.findings]


async def test_a_locked_trail_holds_no_halt_up_and_the_gap_is_replayed(tmp_path: Path) -> None:
    directory, warnings = TrailDirectory(tmp_path / "audit"), list[str]()
    async with recording(directory, warnings) as recorder:
        await recorder.require("plan.shown", {})
        with locked(current(directory)):
            began = time.monotonic()
            await recorder.record("halt.intent", {"targets": ["t"]}, halt_id="h-1")
            assert time.monotonic() - began < RECORD_SECONDS + SLACK
            assert [d.kind for d in Spool(directory.spool).read().drafts] == ["halt.intent"]
            assert any("AUDIT TRAIL NOT WRITTEN" in text for text in warnings)
        await eventually(lambda: "halt.intent" in [b["kind"] for b in bodies(directory)], within=10)
        await eventually(lambda: Spool(directory.spool).read().end == 0, within=10)
    assert sum(body["kind"] == "halt.intent" for body in bodies(directory)) == 1
    assert whole(directory)


async def test_what_changes_something_else_is_refused_and_never_put_in(tmp_path: Path) -> None:
    directory = TrailDirectory(tmp_path / "audit")
    async with recording(directory) as recorder:
        await recorder.require("plan.shown", {})
        with locked(current(directory)), pytest.raises(RecordingNeeded):
            await recorder.require("restore.confirmed", {}, halt_id="h-1")
        await recorder.require("plan.shown", {})
    kinds = [body["kind"] for body in bodies(directory)]
    assert "action.refused" in kinds
    assert "restore.confirmed" not in kinds


async def test_a_directory_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    directory, warnings = TrailDirectory(tmp_path / "file" / "audit"), list[str]()
    async with recording(directory, warnings) as recorder:
        await recorder.record("halt.intent", {}, halt_id="h-1")
        with pytest.raises(RecordingNeeded):
            await recorder.require("restore.confirmed", {})
    assert any("in memory ONLY" in text for text in warnings)
    assert any("could not be stored anywhere" in text for text in warnings)


async def test_the_machines_log_takes_what_the_spool_cannot(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    warnings = list[str]()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind(str(tmp_path / "log"))
        log.settimeout(5)
        directory = TrailDirectory(tmp_path / "file" / "audit")
        async with recording(directory, warnings, journal=str(tmp_path / "log")) as recorder:
            await recorder.record("halt.intent", {"n": 1}, halt_id="h-1")
        said = [log.recv(65536) for _ in range(2)]
    assert any(b'"kind":"halt.intent"' in line for line in said)
    assert all(line.startswith(b"<81>killswitch-console: audit {") for line in said)
    assert any("in the machine's log" in text for text in warnings)


async def test_a_damaged_trail_is_left_alone(tmp_path: Path) -> None:
    directory, warnings = TrailDirectory(tmp_path / "audit"), list[str]()
    async with trail_of(directory) as (trail, session):
        await trail.append(drafts(session, 50))
    path = current(directory)
    damaged = b"\xff" * 8192 + path.read_bytes()[8192:]
    path.write_bytes(damaged)
    async with recording(directory, warnings) as recorder:
        await recorder.record("halt.intent", {}, halt_id="h-1")
        with pytest.raises(RecordingNeeded):
            await recorder.require("restore.confirmed", {})
    assert path.read_bytes() == damaged
    assert "halt.intent" in [draft.kind for draft in Spool(directory.spool).read().drafts]
    assert any("AUDIT TRAIL NOT WRITTEN" in text for text in warnings)


async def test_a_corrupt_page_at_the_start_is_told_and_rotated_away(tmp_path: Path) -> None:
    """The header and the schema are well; what holds the last events is not."""
    directory, warnings = TrailDirectory(tmp_path / "audit"), list[str]()
    async with trail_of(directory) as (trail, session):
        await trail.append(drafts(session, 300))
    path = current(directory)
    content = path.read_bytes()
    half = len(content) // 8192 * 4096
    path.write_bytes(content[:half] + b"\xa5" * (len(content) - half))
    async with recording(directory, warnings) as recorder:
        await recorder.record("halt.intent", {}, halt_id="h-1")
        with pytest.raises(RecordingNeeded):
            await recorder.require("restore.confirmed", {})
    assert any("AUDIT TRAIL NOT WRITTEN" in text and "in the spool" in text for text in warnings)
    await rotate(directory, a_session(), directory.signer())
    async with recording(directory):
        pass
    (before, after) = verify_directory(directory, verifier_of(directory), {})
    assert standing(before.findings) is Standing.TAMPERED
    assert after.first["damaged"] == path.name
    assert {"audit.gap", "halt.intent"} <= after.kinds.keys()


async def test_the_next_session_replays_what_a_dead_one_spooled(tmp_path: Path) -> None:
    directory = TrailDirectory(tmp_path / "audit")
    async with trail_of(directory) as (trail, session):
        there = drafts(session, 2)
        await trail.append(there)
    left = drafts(a_session(), 3, kind="target.call")
    spool = Spool(directory.spool)
    spool.add([there[0], *left])
    with spool.path.open("r+b") as file:  # a crash in mid-write
        file.seek(spool.read().end)
        file.write(b"0123abcd {torn")
    spool.add(drafts(a_session(), 1, kind="halt.ended"))
    async with recording(directory) as recorder:
        await recorder.require("plan.shown", {})
        await eventually(lambda: spool.read().end == 0)
    found = bodies(directory)
    late = [body["kind"] for body in found if body["late"]]
    (gap,) = [body["data"] for body in found if body["kind"] == "audit.gap"]
    assert late == ["target.call"] * 3 + ["halt.ended"]
    assert isinstance(gap, dict)
    assert (gap["events"], gap["damaged"]) == (4, 1)
    assert whole(directory)


async def test_two_sessions_that_replay_the_same_spool_put_it_in_once(tmp_path: Path) -> None:
    directory = TrailDirectory(tmp_path / "audit")
    async with trail_of(directory):
        Spool(directory.spool).add(drafts(a_session(), 20))

    async def one() -> None:
        async with recording(directory) as recorder:
            await recorder.require("plan.shown", {})

    await asyncio.gather(one(), one(), one())
    kinds = [body["kind"] for body in bodies(directory)]
    assert kinds.count("target.state") == 20
    assert kinds.count("audit.gap") == 1


def test_a_prepared_spool_takes_events_without_growing(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    spool.prepare()
    before = spool.path.stat()
    assert before.st_size == PREPARED_BYTES
    session = a_session()
    for draft in (told := drafts(session, 200)):
        spool.add([draft])
    after = spool.path.stat()
    assert (after.st_size, after.st_blocks) == (before.st_size, before.st_blocks)
    read = spool.read()
    assert list(read.drafts) == told
    assert spool.empty(read)
    assert spool.read().drafts == ()


def test_a_spool_that_was_added_to_is_not_emptied(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    spool.add(drafts(a_session(), 1))
    seen = spool.read()
    spool.add(drafts(a_session(), 1))
    assert not spool.empty(seen)
    assert len(spool.read().drafts) == 2


async def test_no_secret_gets_in(tmp_path: Path) -> None:
    directory = TrailDirectory(tmp_path / "audit")
    secret = "hunter2-and-more"
    async with recording(directory) as recorder:
        recorder.session.scrubber.learn(secret)
        reason = f"rotate {secret} and AKIAABCDEFGHIJKLMNOP, Bearer abcdefgh12345678"
        await recorder.require("plan.shown", {"reason": reason, secret: [secret]})
    data = current(directory).read_bytes()
    for token in (secret, "AKIAABCDEFGHIJKLMNOP", "abcdefgh12345678"):
        assert token.encode() not in data
    assert b"rotate [secret] and [secret]" in data


async def test_files_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    directory = TrailDirectory(tmp_path / "audit")
    async with recording(directory) as recorder:
        await recorder.require("plan.shown", {})
    modes = {path.name: oct(path.stat().st_mode & 0o077) for path in directory.path.iterdir()}
    private = {name: mode for name, mode in modes.items() if not name.startswith(("verifier-key", "current"))}
    assert set(private.values()) == {"0o0"}, modes
    assert directory.path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("met", "told"), [(Unreachable("s3", "no answer"), False), (TimeoutError(), False), (KeyError("Key"), True)]
)
async def test_a_defect_in_sending_past_the_trail_is_told_and_what_a_platform_answers_is_not(
    tmp_path: Path, met: Exception, *, told: bool
) -> None:
    async def fail(_: Sequence[Draft]) -> None:
        raise met

    warnings = list[str]()
    ladder = Ladder(Spool(tmp_path / "there is no such folder" / "spool"), fail, "/nonexistent", warnings.append)
    assert await ladder.take(drafts(a_session(), 1)) is Rung.MEMORY
    await ladder.settle()
    assert any("internal error" in text for text in warnings) is told
