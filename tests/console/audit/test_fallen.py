"""What went to the remote store past the trail comes back into it; recordings go there as the trail says they are."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aws_servers import Server
from killswitch_console.audit.casting import Recording
from killswitch_console.audit.continuity import verify_directory
from killswitch_console.audit.findings import Standing, standing
from killswitch_console.audit.maintaining import rotate
from killswitch_console.audit.settings import S3, Audit
from killswitch_console.audit.syncing import Synchronised, compare_fallen, open_sinks, send_directly, synchronise
from killswitch_console.audit.volumes import TrailDirectory
from killswitch_console.cli.main import main
from trails import a_session, bodies, drafts, recording, trail_of, unguarded, verifier_of

HERE = Path("/")


async def no_secret(reference: str) -> str:
    return reference


async def synced(directory: TrailDirectory, bucket: S3) -> Synchronised:
    async with open_sinks(Audit(s3=bucket), HERE, no_secret) as sinks:
        return await synchronise(directory, sinks)


async def begun(directory: TrailDirectory) -> None:
    async with trail_of(directory) as (trail, session):
        await trail.append(drafts(session, 5))


async def test_what_a_dead_process_sent_past_the_trail_is_put_into_it(tmp_path: Path, bucket: S3) -> None:
    directory = TrailDirectory(tmp_path / "audit")
    await begun(directory)
    lost = drafts(a_session(), 3, kind="halt.intent")
    await send_directly(lost, directory, Audit(s3=bucket), HERE, no_secret)  # and then it died
    _, lacking = await compare_fallen(directory, Audit(s3=bucket), HERE, no_secret)
    assert len(lacking) == 3
    done = await synced(directory, bucket)
    assert (done.recovered, done.problems, done.alarms) == (3, [], [])
    assert (await synced(directory, bucket)).recovered == 0, "it lies in the spool already"
    async with recording(directory):
        pass
    found = bodies(directory)
    assert [body["late"] for body in found if body["id"] in {draft.id for draft in lost}] == [True] * 3
    assert "audit.gap" in [body["kind"] for body in found]
    assert (await synced(directory, bucket)).recovered == 0
    assert await compare_fallen(directory, Audit(s3=bucket), HERE, no_secret) == ([], [])


async def test_an_open_session_puts_it_in_at_once(tmp_path: Path, bucket: S3) -> None:
    directory = TrailDirectory(tmp_path / "audit")
    (lost,) = drafts(a_session(), 1)
    async with recording(directory) as recorder:
        await recorder.require("check.ran", {})
        await send_directly([lost], directory, Audit(s3=bucket), HERE, no_secret)
        assert (await synced(directory, bucket)).recovered == 1
        recorder.look_in_spool()
        await recorder.require("check.ran", {})
        assert lost.id in {body["id"] for body in bodies(directory)}


async def test_an_event_that_is_other_than_what_was_sent_is_told(tmp_path: Path, bucket: S3) -> None:
    directory = TrailDirectory(tmp_path / "audit")
    async with trail_of(directory) as (trail, session):
        both = drafts(session, 2)
        await trail.append(both)
        path = trail.path
    await send_directly(both, directory, Audit(s3=bucket), HERE, no_secret)
    assert await compare_fallen(directory, Audit(s3=bucket), HERE, no_secret) == ([], [])
    with unguarded(path) as connection:
        connection.execute(
            "UPDATE event SET body = CAST(replace(CAST(body AS TEXT), '\"n\":0', '\"n\":7') AS BLOB) WHERE seq = 2"
        )
    changed, lacking = await compare_fallen(directory, Audit(s3=bucket), HERE, no_secret)
    assert lacking == []
    assert changed == ["event 2 is not what was sent to the remote store when it happened"]


async def test_another_bastions_events_and_those_of_retired_volumes_stay_away(tmp_path: Path, bucket: S3) -> None:
    directory, other = TrailDirectory(tmp_path / "audit"), TrailDirectory(tmp_path / "other")
    await begun(directory)
    await begun(other)
    await send_directly(drafts(a_session(), 2), other, Audit(s3=bucket), HERE, no_secret)
    assert (await synced(directory, bucket)).recovered == 0
    async with trail_of(directory) as (trail, session):
        old = drafts(session, 2)
        await trail.append(old)
        first = trail.path
    await send_directly(old, directory, Audit(s3=bucket), HERE, no_secret)
    await asyncio.sleep(0.002)  # ids sort by the millisecond
    await rotate(directory, a_session(), directory.signer())
    first.unlink()  # as retention does
    assert (await synced(directory, bucket)).recovered == 0


@pytest.fixture
async def cast(tmp_path: Path) -> Path:
    """A recording of a session that said what it recorded, in ``tmp_path/state/audit``."""
    directory = TrailDirectory(tmp_path / "state" / "audit")
    session = a_session()
    path = directory.recordings / f"{session.id}.cast"
    session.screen.begin(Recording(path, columns=80, rows=24, version=2, scrub=str))
    assert session.screen.recording is not None
    session.screen.recording.output("hello")
    told = await asyncio.to_thread(session.screen.end)
    assert told is not None
    async with trail_of(directory) as (trail, _):
        await trail.append([session.draft("session.recorded", told)])
    return path


async def test_recordings_go_to_the_store_once(cast: Path, bucket: S3, moto: Server) -> None:
    directory = TrailDirectory(cast.parents[1])
    (cast.parent / "UNDERWAY.cast").write_text("{}")
    assert (await synced(directory, bucket)).recordings == 1
    assert (await synced(directory, bucket)).recordings == 0
    client = moto.client("s3")
    key = f"{bucket.prefix}/recordings/{cast.name}"
    assert client.get_object(Bucket=bucket.bucket, Key=key)["Body"].read() == cast.read_bytes()  # noqa: ASYNC240
    assert client.head_object(Bucket=bucket.bucket, Key=key)["ObjectLockMode"] == "COMPLIANCE"
    keys = [item["Key"] for item in client.list_objects_v2(Bucket=bucket.bucket)["Contents"]]
    assert not [name for name in keys if "UNDERWAY" in name], "somebody still writes to it"


async def test_a_changed_recording_is_told(cast: Path, bucket: S3) -> None:
    directory = TrailDirectory(cast.parents[1])
    content = cast.read_bytes()  # noqa: ASYNC240
    cast.write_bytes(content.replace(b"hello", b"hullo"))  # noqa: ASYNC240
    done = await synced(directory, bucket)
    assert (done.recordings, len(done.alarms)) == (0, 1)
    reports = verify_directory(directory, verifier_of(directory), {})
    findings = [finding for report in reports for finding in report.findings]
    assert standing(findings) is Standing.TAMPERED
    assert findings[0].where == f"recordings/{cast.name}"


async def test_an_abandoned_recording_goes_after_a_day(cast: Path, bucket: S3) -> None:
    import os

    directory = TrailDirectory(cast.parents[1])
    await synced(directory, bucket)
    abandoned = cast.parent / "ABANDONED.cast"
    abandoned.write_text('{"version": 2}')
    assert (await synced(directory, bucket)).recordings == 0
    long_ago = (datetime.now(UTC) - timedelta(days=2)).timestamp()
    os.utime(abandoned, (long_ago, long_ago))
    assert (await synced(directory, bucket)).recordings == 1


async def test_the_commands_put_it_in_and_verify(cast: Path, bucket: S3, capsys: pytest.CaptureFixture[str]) -> None:
    config = cast.parents[3] / "config.toml"
    table = bucket.model_dump(exclude_none=True, exclude={"retain_days"})
    lines = "".join(f'{key} = "{value}"\n' for key, value in table.items())
    config.write_text(f'state_dir = "state"\n[audit.s3]\n{lines}')
    directory = TrailDirectory(cast.parents[1])
    await send_directly(drafts(a_session(), 2), directory, Audit(s3=bucket), HERE, no_secret)
    sync, verify = (["audit", word, "--config", str(config)] for word in ("sync", "verify"))
    assert await asyncio.to_thread(main, sync) in (0, 4)
    assert "2 events that had been sent past the trail" in capsys.readouterr().out
    await asyncio.to_thread(main, sync)
    assert await asyncio.to_thread(main, verify) == 0, capsys.readouterr().out
