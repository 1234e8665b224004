"""Off the box: S3 with Object Lock (moto, a real server on loopback) and two mirrors, through every trouble."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
from aiohttp import web

from aws_servers import Server
from killswitch_console.audit.anchoring import Alarm, anchor
from killswitch_console.audit.continuity import verify_directory
from killswitch_console.audit.findings import Standing, standing
from killswitch_console.audit.object_store import ObjectStore, open_store
from killswitch_console.audit.opening import open_recorder
from killswitch_console.audit.settings import S3, Audit, Otlp, Webhook
from killswitch_console.audit.syncing import Synchronised, fetch_anchors, open_sinks, send_directly, synchronise, turn
from killswitch_console.audit.volumes import TrailDirectory
from trails import a_session, bodies, drafts, own_key, trail_of, unguarded, verifier_of


async def no_secret(reference: str) -> str:
    return f"the secret of {reference}"


async def grown(directory: TrailDirectory, count: int) -> Path:
    """A trail with so many more events; its volume."""
    async with trail_of(directory) as (trail, session):
        await trail.append(drafts(session, count), keep=True)
        return trail.path


async def synced(directory: TrailDirectory, audit: Audit) -> Synchronised:
    async with open_sinks(audit, Path("/"), no_secret) as sinks:
        return await synchronise(directory, sinks)


@asynccontextmanager
async def store_of(bucket: S3) -> AsyncIterator[ObjectStore]:
    async with open_store(bucket, Path("/")) as store:
        yield store


async def test_everything_arrives_locked_once_and_verifies(tmp_path: Path, moto: Server, bucket: S3) -> None:
    directory, audit = TrailDirectory(tmp_path / "audit"), Audit(s3=bucket)
    path = await grown(directory, 40)
    first = await synced(directory, audit)
    assert (first.problems, first.alarms, first.behind) == ([], [], 0)
    again = await synced(directory, audit)
    assert [(a.before, a.now) for a in again.anchored] == [(41, 41)]
    await grown(directory, 5)
    assert (await synced(directory, audit)).anchored[0].now == 46
    client = moto.client("s3")
    keys = [item["Key"] for item in client.list_objects_v2(Bucket=bucket.bucket)["Contents"]]
    assert len(keys) == 4, "two segments, two checkpoints, nothing twice"
    for key in keys:
        assert client.head_object(Bucket=bucket.bucket, Key=key)["ObjectLockMode"] == "COMPLIANCE"
    segments = [client.get_object(Bucket=bucket.bucket, Key=key)["Body"].read() for key in keys if "/seg/" in key]
    assert [json.loads(line) for line in b"".join(segments).splitlines()] == bodies(directory)
    anchors, problem = await fetch_anchors(audit, Path("/"), no_secret)
    assert problem == ""
    (report,) = verify_directory(directory, verifier_of(directory), anchors)
    assert (report.findings, report.anchors, report.path) == ([], 2, path)


async def test_a_partition_is_survived_and_made_up_for(tmp_path: Path, bucket: S3) -> None:
    directory = TrailDirectory(tmp_path / "audit")
    await grown(directory, 10)
    away = Audit(s3=bucket.model_copy(update={"endpoint_url": "http://127.0.0.1:9"}))
    for _ in range(3):  # days of it
        assert len((await synced(directory, away)).problems) == 1
        await grown(directory, 10)
    done = await synced(directory, Audit(s3=bucket))
    assert (done.problems, done.anchored[0].before, done.anchored[0].now) == ([], 0, 41)


async def test_a_crash_between_segment_and_checkpoint_is_gone_over(tmp_path: Path, bucket: S3) -> None:
    directory = TrailDirectory(tmp_path / "audit")
    path = await grown(directory, 10)

    class Dying:
        """Takes the segment, and dies before the checkpoint."""

        def __init__(self, store: ObjectStore) -> None:
            self.get, self.keys, self._store = store.get, store.keys, store

        async def put_new(self, key: str, content: bytes) -> bool:
            if "/ckpt/" in key:
                raise asyncio.CancelledError
            return await self._store.put_new(key, content)

    async with store_of(bucket) as store:
        with pytest.raises(asyncio.CancelledError):
            await anchor(path, Dying(store))
        await grown(directory, 3)
        assert (await anchor(path, store)).now == 14
        assert (await anchor(path, store)).before == 14


async def test_a_fork_is_an_alarm(tmp_path: Path, bucket: S3) -> None:
    directory, twin = TrailDirectory(tmp_path / "audit"), TrailDirectory(tmp_path / "twin")
    await grown(directory, 10)
    shutil.copytree(directory.path, twin.path)  # a restored backup, a cloned machine
    await grown(directory, 5)
    await grown(twin, 5)
    assert (await synced(directory, Audit(s3=bucket))).alarms == []
    done = await synced(twin, Audit(s3=bucket))
    assert len(done.alarms) == 1
    assert "FORKED" in done.alarms[0]


async def test_a_truncation_is_an_alarm_even_with_the_key(tmp_path: Path, bucket: S3) -> None:
    directory, older = TrailDirectory(tmp_path / "audit"), tmp_path / "older"
    await grown(directory, 10)
    shutil.copytree(directory.path, older)
    await grown(directory, 5)
    await synced(directory, Audit(s3=bucket))
    done = await synced(TrailDirectory(older), Audit(s3=bucket))
    assert "TRUNCATED" in done.alarms[0]
    anchors, _ = await fetch_anchors(Audit(s3=bucket), Path("/"), no_secret)
    (report,) = verify_directory(TrailDirectory(older), verifier_of(directory), anchors)
    assert standing(report.findings) is Standing.TAMPERED


async def test_a_volume_that_was_removed_is_missed(tmp_path: Path, bucket: S3) -> None:
    directory = TrailDirectory(tmp_path / "audit")
    (await grown(directory, 5)).rename(tmp_path / "gone")
    await grown(directory, 5)
    (tmp_path / "gone").rename(directory.path / "trail-00000000000000000000000000.sqlite3.bak")
    audit = Audit(s3=bucket)
    await synced(directory, audit)
    other = TrailDirectory(tmp_path / "other")
    await grown(other, 5)
    await synced(other, audit)
    anchors, _ = await fetch_anchors(audit, Path("/"), no_secret)
    reports = verify_directory(directory, verifier_of(directory), anchors)
    assert any("remote anchor knows" in f.what for r in reports for f in r.findings)


async def test_what_is_there_with_other_bytes_is_never_overwritten(tmp_path: Path, moto: Server, bucket: S3) -> None:
    directory = TrailDirectory(tmp_path / "audit")
    path = await grown(directory, 3)
    async with store_of(bucket) as store:
        assert await store.put_new("x", b"first")
        assert not await store.put_new("x", b"second")
        assert await store.get("x") == b"first"
        assert await store.get("nothing") is None
        log = path.stem.removeprefix("trail-")
        assert await store.put_new(f"{log}/seg/{1:012d}-{4:012d}.jsonl", b"forged")
        with pytest.raises(Alarm, match="FORKED"):
            await anchor(path, store)


async def test_one_process_at_a_time(tmp_path: Path) -> None:
    directory = TrailDirectory(tmp_path / "audit")
    await grown(directory, 1)
    with turn(directory) as first, turn(directory) as second:
        assert (first, second) == (True, False)
    with turn(directory) as third:
        assert third


@dataclass
class Receiver:
    """A webhook and an OpenTelemetry collector that misbehave on command."""

    url: str = ""
    bodies: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    poison: bytes = b"\xff"

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        status = self.answers.pop(0) if self.answers else 200
        if self.poison in body and status == 200:
            return web.Response(status=400)
        if status == 200:
            self.bodies.append((request.path, dict(request.headers), body))
        return web.json_response({}, status=status)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiving = Receiver()
    app = web.Application(client_max_size=2**26)
    app.router.add_post("/{path:.*}", receiving.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    receiving.url = f"http://{host}:{port}"
    yield receiving
    await runner.cleanup()


async def test_the_webhook_gets_signed_exact_bytes(tmp_path: Path, receiver: Receiver) -> None:
    directory = TrailDirectory(tmp_path / "audit")
    await grown(directory, 4)
    audit = Audit(webhook=Webhook(url=f"{receiver.url}/hook", secret="env:HOOK"))
    assert (await synced(directory, audit)).delivered == {"webhook": 5}
    ((_, headers, body),) = receiver.bodies
    signed = headers["X-Killswitch-Timestamp"].encode() + b"." + body
    expected = hmac.new(b"the secret of env:HOOK", signed, hashlib.sha256).hexdigest()
    assert headers["X-Killswitch-Signature"] == f"sha256={expected}"
    assert headers["Idempotency-Key"].endswith(":1-5")
    assert [json.loads(line) for line in body.splitlines()] == bodies(directory)
    assert (await synced(directory, audit)).delivered == {"webhook": 0}


async def test_otlp_records_carry_their_ids(tmp_path: Path, receiver: Receiver) -> None:
    directory = TrailDirectory(tmp_path / "audit")
    await grown(directory, 4)
    await synced(directory, Audit(otlp=Otlp(url=receiver.url, token="env:TOKEN")))
    ((path, headers, body),) = receiver.bodies
    assert (path, headers["Authorization"]) == ("/v1/logs", "Bearer the secret of env:TOKEN")
    records = json.loads(body)["resourceLogs"][0]["scopeLogs"][0]["logRecords"]
    ids = [a["value"]["stringValue"] for r in records for a in r["attributes"] if a["key"] == "log.record.uid"]
    assert ids == [event["id"] for event in bodies(directory)]
    assert json.loads(records[2]["body"]["stringValue"]) == bodies(directory)[2]


async def test_a_mirror_that_fails_gets_it_later_and_holds_nobody_up(
    tmp_path: Path, receiver: Receiver, bucket: S3
) -> None:
    directory = TrailDirectory(tmp_path / "audit")
    await grown(directory, 4)
    audit = Audit(s3=bucket, webhook=Webhook(url=receiver.url, secret="env:X"), otlp=Otlp(url="http://127.0.0.1:9"))
    receiver.answers = [503]
    done = await synced(directory, audit)
    assert len(done.problems) == 2
    assert done.anchored[0].now == 5
    done = await synced(directory, audit)
    assert done.delivered["webhook"] == 5
    assert len(receiver.bodies) == 1


async def test_a_refused_record_is_passed_over(tmp_path: Path, receiver: Receiver) -> None:
    directory = TrailDirectory(tmp_path / "audit")
    path = await grown(directory, 20)
    receiver.poison = b'"n":7,'
    done = await synced(directory, Audit(webhook=Webhook(url=receiver.url, secret="env:X")))
    assert (done.delivered, done.problems) == ({"webhook": 20}, [])
    received = [json.loads(line)["seq"] for _, _, body in receiver.bodies for line in body.splitlines()]
    assert received == [seq for seq in range(1, 22) if seq != 9]
    with unguarded(path) as connection:
        assert connection.execute("SELECT sink, seq FROM refused").fetchall() == [("webhook", 9)]


async def test_a_corrupt_row_does_not_block_the_rest(tmp_path: Path, receiver: Receiver, bucket: S3) -> None:
    directory = TrailDirectory(tmp_path / "audit")
    path = await grown(directory, 6)
    with unguarded(path) as connection:
        connection.execute("UPDATE event SET body = x'ff00' WHERE seq = 3")
    done = await synced(directory, Audit(s3=bucket, webhook=Webhook(url=receiver.url, secret="env:X")))
    assert done.anchored[0].now == 7, "the bytes go up as they are: they are evidence"
    assert done.delivered == {"webhook": 6} or done.delivered == {"webhook": 7}


async def test_events_that_nothing_here_can_keep_go_to_the_store_at_once(tmp_path: Path, bucket: S3) -> None:
    (tmp_path / "file").write_text("in the way")
    directory = TrailDirectory(tmp_path / "file" / "audit")
    direct = partial(send_directly, directory=directory, audit=Audit(s3=bucket), base=Path("/"), resolve=no_secret)
    async with open_recorder(
        directory, a_session(), lambda _: None, signing_secret=own_key, direct=direct, journal_socket="/nonexistent"
    ) as recorder:
        await recorder.record("halt.intent", {"targets": ["t"]}, halt_id="h-1")
    async with store_of(bucket) as store:
        kept = [json.loads(await store.get(key) or b"") for key in await store.keys("fallen/")]
    assert "halt.intent" in [event["kind"] for event in kept]
