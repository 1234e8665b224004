"""``audit verify`` asks the platforms' own logs: CloudTrail and the cluster's audit log confirm or contradict.

One halt over all layers of a simulated world is made by the command; then its logs, or ours, are bent.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from console_command import answer, console
from killswitch_backends.aws_common import recalling
from killswitch_backends.kubernetes.recalling import recalled
from killswitch_backends.problems import Unreachable
from killswitch_backends.recalling import Recalling, RecordedCall, Word
from killswitch_backends.simulator.configuration import kubernetes_audit_log
from killswitch_console.assembling import engine_settings
from killswitch_console.audit.assembling import trail_directory
from killswitch_console.audit.continuity import verify_directory
from killswitch_console.audit.crosschecking import PlatformReport, cross_check
from killswitch_console.audit.findings import Call
from killswitch_console.cli.main import main
from killswitch_console.config import load_configuration
from killswitch_inventory.targets import BackendRef, TargetId
from simulated import Simulated, running

KUBERNETES, LAMBDA, IAM = (BackendRef(kind, "sim") for kind in ("kubernetes", "lambda", "iam"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world() -> AsyncIterator[Simulated]:
    """A world in which everything was halted once, by the command."""
    async with running(agents=6, seed=5) as sim:
        words = ("halt", "global", "--reason", "loop", "--confirm", "HALT simulator", "--accept-collateral")
        await console(sim.config_path, *words, "--timeout", "2")  # what was called counts here, not what was proven
        yield sim


def verified(sim: Simulated, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, dict[str, Any]]:
    """The exit code of ``audit verify``, and what it says of each platform."""
    code = main(["audit", "verify", "--config", str(sim.config_path), "--json", *more])
    platforms = json.loads(capsys.readouterr().out)["platforms"]
    return code, {platform["platform"]: platform for platform in platforms}


def calls_of(sim: Simulated, ref: BackendRef) -> list[Call]:
    directory = trail_directory(load_configuration(sim.config_path))
    (report,) = verify_directory(directory, None, {})
    return [call for call in report.calls if TargetId.parse(call.target).backend == ref]


async def checked(sim: Simulated, calls: list[Call]) -> PlatformReport:
    (report,) = await cross_check(calls, engine_settings(load_configuration(sim.config_path)).openers)
    return report


@asynccontextmanager
async def opened(sim: Simulated, ref: BackendRef) -> AsyncIterator[Recalling]:
    async with engine_settings(load_configuration(sim.config_path)).openers[ref]() as backend:
        assert isinstance(backend, Recalling)
        yield backend


def recorded(call: Call) -> RecordedCall:
    return RecordedCall(TargetId.parse(call.target), call.request_id, datetime.fromisoformat(call.at))


async def test_every_call_of_a_halt_is_confirmed(world: Simulated) -> None:
    document = await answer(world.config_path, "audit", "verify")
    platforms = {platform["platform"]: platform for platform in document["platforms"]}
    assert document["standing"] == "whole"
    for ref in (KUBERNETES, LAMBDA, IAM):
        told = platforms[str(ref)]
        assert told["confirmed"] == told["calls"] == len(calls_of(world, ref)) > 0, told


def test_offline_asks_nobody(world: Simulated, capsys: pytest.CaptureFixture[str]) -> None:
    assert verified(world, capsys, "--offline") == (0, {})


Bend = Callable[[dict[str, Any]], dict[str, Any] | None]


@pytest.fixture
def bent(world: Simulated) -> AsyncIterator[Callable[[str, Bend], None]]:
    """Changes the cluster's log of one request; it is as it was afterwards."""
    log = kubernetes_audit_log(world.config_path)
    before = log.read_text()

    def bend(audit_id: str, how: Bend) -> None:
        events = [json.loads(line) for line in before.splitlines()]
        changed = [how(event) if event["auditID"] == audit_id else event for event in events]
        later = {"auditID": "of another", "requestReceivedTimestamp": datetime.now(UTC).isoformat()}
        log.write_text("".join(json.dumps(event) + "\n" for event in [*changed, later] if event is not None))

    yield bend  # type: ignore[misc]
    log.write_text(before)


OTHER = {"resource": "deployments", "namespace": "elsewhere", "name": "other"}


@pytest.mark.parametrize(
    ("how", "code", "word", "said"),
    [
        (lambda event: event | {"objectRef": OTHER}, 5, "contradicted", "patch of deployments/elsewhere/other"),
        (lambda event: event | {"responseStatus": {"code": 403}}, 5, "contradicted", "refused: 403"),
        (lambda event: event | {"requestReceivedTimestamp": "2020-01-01T00:00:00Z"}, 5, "contradicted", "2020-01-01"),
        (lambda event: None, 4, "absent", "does not know it"),
    ],
)
def test_what_the_cluster_tells_otherwise_is_found(
    world: Simulated,
    bent: Callable[[str, Bend], None],
    capsys: pytest.CaptureFixture[str],
    how: Bend,
    code: int,
    word: str,
    said: str,
) -> None:
    calls = calls_of(world, KUBERNETES)
    call = calls[len(calls) // 2]  # the log says nothing of the time before its first and after its last line
    bent(call.request_id, how)
    found, platforms = verified(world, capsys)
    told = platforms[str(KUBERNETES)]
    assert (found, told[word], told["confirmed"]) == (code, 1, told["calls"] - 1)
    (finding,) = told["findings"]
    assert finding["where"] == f"event {call.seq}"
    assert call.request_id in finding["what"]
    assert said in finding["what"]


def test_a_log_that_is_not_there_changes_no_verdict(
    world: Simulated, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = kubernetes_audit_log(world.config_path)
    log.rename(tmp_path / "away")
    try:
        code, platforms = verified(world, capsys)
    finally:
        (tmp_path / "away").rename(log)
    told = platforms[str(KUBERNETES)]
    assert (code, told["unreadable"]) == (0, told["calls"])
    assert "No such file" in next(iter(told["reasons"]))


def test_rotated_and_packed_parts_are_read_and_its_ends_are_respected(world: Simulated, tmp_path: Path) -> None:
    import gzip

    calls = [recorded(call) for call in calls_of(world, KUBERNETES)]
    lines = kubernetes_audit_log(world.config_path).read_bytes().splitlines(keepends=True)
    log = tmp_path / "audit.log"
    (tmp_path / "audit-2027-01-15T08-00-00.000.log.gz").write_bytes(gzip.compress(b"".join(lines[:2]) + b"torn {"))
    log.write_bytes(b"".join(lines[2:]))
    assert {one.word for one in recalled(log, calls)} == {Word.CONFIRMED}
    long_ago, later = (replace(calls[0], request_id="x", at=calls[0].at + timedelta(days=d)) for d in (-9, 9))
    assert [one.word for one in recalled(log, [long_ago, later])] == [Word.UNREADABLE, Word.LATE]
    with pytest.raises(Unreachable, match="cannot be read"):
        recalled(tmp_path / "nothing" / "audit.log", calls)


@pytest.mark.parametrize("ref", [LAMBDA, IAM], ids=str)
async def test_what_cloudtrail_tells_otherwise_is_found(world: Simulated, ref: BackendRef) -> None:
    calls = calls_of(world, ref)
    others = [calls[0]._replace(target=f"{ref}/role/nobody" if ref is IAM else f"{ref}/nobody"), *calls[1:]]
    told = await checked(world, others)
    assert (told.words[Word.CONTRADICTED], told.words[Word.CONFIRMED]) == (1, len(calls) - 1)
    assert "of another" in told.findings[0].what
    moved = datetime.fromisoformat(calls[0].at) + timedelta(minutes=8)
    told = await checked(world, [calls[0]._replace(at=moved.isoformat()), *calls[1:]])
    assert told.words[Word.CONTRADICTED] == 1


async def test_cloudtrail_is_late_and_forgets(world: Simulated) -> None:
    call = calls_of(world, LAMBDA)[0]._replace(request_id="never-made")
    now = datetime.fromisoformat(call.at)
    for age, word in (
        (timedelta(minutes=1), Word.LATE),
        (timedelta(hours=1), Word.ABSENT),
        (timedelta(days=91), Word.UNREADABLE),
    ):
        async with opened(world, LAMBDA) as backend:
            backend._now = lambda: now + age  # type: ignore[attr-defined]  # noqa: B023
            (said,) = await backend.recall([recorded(call)])
            assert said.word is word


async def test_a_platform_that_is_gone_or_unknown_changes_no_verdict(world: Simulated) -> None:
    call = calls_of(world, LAMBDA)[0]
    told = await checked(world, [call._replace(target="lambda:elsewhere/refund-1")])
    assert (told.words[Word.UNREADABLE], told.findings) == (1, [])
    assert "not in the configuration" in told.line()
    told = await checked(world, [call._replace(target="launchdarkly:sim/refund-1")])
    assert "keeps no log" in told.line()
    (strange,) = await cross_check([call._replace(target="what?")], {})
    assert strange.findings[0].where == f"event {call.seq}"


def test_calls_that_are_close_are_looked_up_together() -> None:
    at, target = datetime(2027, 1, 15, 8, tzinfo=UTC), TargetId(LAMBDA, "refund-1")
    calls = [RecordedCall(target, str(n), at + timedelta(minutes=m)) for n, m in enumerate((0, 4, 13, 40, 41))]
    assert [[call.request_id for call in one] for one in recalling.stretches(reversed(calls))] == [
        ["0", "1", "2"],
        ["3", "4"],
    ]
