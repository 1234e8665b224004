"""Retention: what is removed was verified and is elsewhere, leaves its signed head, and verifies ever after."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from aws_servers import Server
from killswitch_console.audit.continuity import verify_directory
from killswitch_console.audit.findings import Finding, Standing, VolumeReport, standing
from killswitch_console.audit.maintaining import rotate
from killswitch_console.audit.object_store import open_store
from killswitch_console.audit.retiring import Retired, retire
from killswitch_console.audit.settings import S3, Audit
from killswitch_console.audit.syncing import fetch_anchors, open_sinks, synchronise
from killswitch_console.audit.volumes import TrailDirectory, log_id
from killswitch_console.cli.main import main
from killswitch_console.halting.recording import RecordingNeeded
from trails import a_session, drafts, trail_of, unguarded, verifier_of

SOON = datetime.now(UTC) + timedelta(days=1)


async def no_secret(reference: str) -> str:
    return reference


async def volumes(directory: TrailDirectory, count: int) -> None:
    """A trail of so many volumes, all but the last closed."""
    for number in range(count):
        async with trail_of(directory) as (trail, session):
            await trail.append(drafts(session, 20), keep=True)
        if number < count - 1:
            await rotate(directory, a_session(), directory.signer())


async def synced(directory: TrailDirectory, bucket: S3) -> None:
    async with open_sinks(Audit(s3=bucket), Path("/"), no_secret) as sinks:
        done = await synchronise(directory, sinks)
    assert (done.problems, done.alarms, done.behind) == ([], [], 0)


async def retired(directory: TrailDirectory, bucket: S3, before: datetime = SOON) -> Retired:
    async with open_store(bucket, Path("/")) as store, trail_of(directory) as (trail, session):

        async def require(kind: str, data: Mapping[str, Any]) -> None:
            await trail.append([session.draft(kind, data)])

        return await retire(directory, store, bucket.url, verifier_of(directory), before, require)


async def verified(directory: TrailDirectory, bucket: S3 | None) -> tuple[list[Finding], list[VolumeReport]]:
    anchors, problem = await fetch_anchors(Audit(s3=bucket), Path("/"), no_secret) if bucket else ({}, "")
    assert problem == ""
    reports = verify_directory(directory, verifier_of(directory), anchors)
    return [finding for report in reports for finding in report.findings], reports


async def test_old_volumes_go_and_the_trail_stays_whole(tmp_path: Path, bucket: S3) -> None:
    directory = TrailDirectory(tmp_path / "audit")
    await volumes(directory, 3)
    first, second, current = directory.volumes()
    await synced(directory, bucket)
    assert (await retired(directory, bucket, datetime.now(UTC) - timedelta(days=1))).removed == []
    assert (await retired(directory, bucket)).removed == [first.name, second.name]
    assert directory.volumes() == [current], "what is written to never goes"
    for anchored in (bucket, None):
        findings, reports = await verified(directory, anchored)
        assert findings == []
        assert {log_id(first), log_id(second)} == reports[0].retired.keys()
        assert reports[0].retired[log_id(first)]["kept_at"] == f"{bucket.url}/{log_id(first)}"


async def test_what_was_retired_is_passed_on_when_its_witness_retires(tmp_path: Path, bucket: S3) -> None:
    directory = TrailDirectory(tmp_path / "audit")
    await volumes(directory, 2)
    await synced(directory, bucket)
    (gone,) = (await retired(directory, bucket)).removed
    await rotate(directory, a_session(), directory.signer())
    await synced(directory, bucket)
    assert len((await retired(directory, bucket)).removed) == 1
    findings, reports = await verified(directory, bucket)
    assert findings == []
    assert len(reports) == 1
    assert gone in {told["volume"] for told in reports[0].retired.values()}


async def test_nothing_goes_that_is_not_elsewhere(tmp_path: Path, bucket: S3, moto: Server) -> None:
    directory = TrailDirectory(tmp_path / "audit")
    await volumes(directory, 2)
    first, _ = directory.volumes()
    done = await retired(directory, bucket)
    assert done.removed == []
    assert "not anchored" in done.kept[first.name]
    away = bucket.model_copy(update={"endpoint_url": "http://127.0.0.1:9"})
    assert (await retired(directory, away)).removed == []
    await synced(directory, bucket)
    client = moto.client("s3")
    segment = next(
        item["Key"]
        for item in client.list_objects_v2(Bucket=bucket.bucket)["Contents"]
        if f"{log_id(first)}/seg" in item["Key"]
    )
    client.delete_object(Bucket=bucket.bucket, Key=segment)  # a delete marker: the bytes are no longer in view
    done = await retired(directory, bucket)
    assert done.removed == []
    assert "has 0 of its" in done.kept[first.name]
    assert first.exists()


async def test_nothing_goes_that_does_not_verify_or_cannot_be_told(tmp_path: Path, bucket: S3) -> None:
    directory = TrailDirectory(tmp_path / "audit")
    await volumes(directory, 2)
    first, _ = directory.volumes()
    await synced(directory, bucket)

    async def refuse(kind: str, data: Mapping[str, Any]) -> None:
        raise RecordingNeeded(f"{kind}: {data['volume']} cannot be told")

    async with open_store(bucket, Path("/")) as store:
        with pytest.raises(RecordingNeeded):
            await retire(directory, store, bucket.url, verifier_of(directory), SOON, refuse)
    assert first.exists()
    with unguarded(first) as connection:
        connection.execute("UPDATE event SET actor = 'x' WHERE seq = 3")
    done = await retired(directory, bucket)
    assert "does not verify: event 3" in done.kept[first.name]


async def test_a_volume_that_somebody_deleted_is_not_a_retired_one(tmp_path: Path, bucket: S3) -> None:
    directory = TrailDirectory(tmp_path / "audit")
    await volumes(directory, 3)
    first, second, _ = directory.volumes()
    await synced(directory, bucket)
    first.unlink()
    second.unlink()
    findings, _ = await verified(directory, bucket)
    assert standing(findings) is Standing.TAMPERED
    assert [finding.where for finding in findings if "remote anchor knows" in finding.what] == [
        log_id(first),
        log_id(second),
    ]
    findings, _ = await verified(directory, None)
    assert standing(findings) is Standing.UNVERIFIABLE, "without the anchor only the gap is seen"


async def test_the_command(tmp_path: Path, bucket: S3, capsys: pytest.CaptureFixture[str]) -> None:
    await volumes(TrailDirectory(tmp_path / "state" / "audit"), 2)
    config = tmp_path / "config.toml"
    arguments = ["audit", "retire", "--config", str(config)]
    config.write_text('state_dir = "state"\n')
    assert await asyncio.to_thread(main, arguments) == 2
    assert "keep_days" in capsys.readouterr().err
    table = bucket.model_dump(exclude_none=True, exclude={"retain_days"})
    lines = "".join(f'{key} = "{value}"\n' for key, value in table.items())
    config.write_text(f'state_dir = "state"\n[audit]\nkeep_days = 1\n[audit.s3]\n{lines}')
    assert await asyncio.to_thread(main, arguments) == 0
    assert "0 volumes removed" in capsys.readouterr().out, "nothing is a day old"
