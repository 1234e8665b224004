"""What ``check`` finds, and that it changes nothing to find it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest

from agent_board import TOKEN as BOARD_TOKEN
from agent_board import serving_board
from killswitch_backends.checking import Checkable, Finding, Standing
from killswitch_backends.simulator.launchdarkly import READ_ONLY_TOKEN
from launchdarkly_backend import opened
from launchdarkly_simulated import Simulated, agent, leaks_refused_streams, serving

FLAG = "agent-refund-1"
OTHER = "agent-refund-2"


@pytest.fixture
async def simulated() -> AsyncIterator[Simulated]:
    async with serving([agent(1), agent(2)]) as served:
        yield served


async def checked(simulated: Simulated, secrets: dict[str, str] | None = None, **table: object) -> Sequence[Finding]:
    async with opened(simulated, secrets, **table) as backend:
        assert isinstance(backend, Checkable)
        return await backend.check()


def those(findings: Sequence[Finding], standing: Standing, subject: str = "") -> list[str]:
    return [f.what for f in findings if f.standing is standing and f.subject.endswith(subject)]


async def test_a_sound_table_has_no_problem_and_check_changes_nothing(simulated: Simulated) -> None:
    before = (await simulated.call("GET", "/api/v2/flags/agents?summary=0"))[1]
    findings = await checked(simulated)
    assert those(findings, Standing.PROBLEM) == []
    fine = those(findings, Standing.OK)
    assert "acts as killswitch-console" in fine
    assert any("is connected, whole since" in what for what in fine)
    assert "the environment requires no approvals" in fine
    assert those(findings, Standing.OK, FLAG) == [
        "the token may turn it off and leave a mark",
        "off serves False, a stop value",
    ]
    assert (await simulated.call("GET", "/api/v2/flags/agents?summary=0"))[1] == before
    assert (await simulated.call("GET", "/api/v2/auditlog"))[1]["items"] == []


async def test_a_token_that_may_only_read_is_a_problem_of_each_flag(simulated: Simulated) -> None:
    findings = await checked(simulated, {"env:TOKEN": READ_ONLY_TOKEN})
    assert any("may not turn it off" in what for what in those(findings, Standing.PROBLEM, FLAG))
    assert any("may not turn it off" in what for what in those(findings, Standing.PROBLEM, OTHER))


async def test_a_token_without_the_right_to_mark_is_a_warning(simulated: Simulated) -> None:
    simulated.faults.before["launchdarkly.patch"] = [403]
    findings = await checked(simulated)
    marks = [f for f in findings if "leave no mark" in f.what]
    assert [f.standing for f in marks] == [Standing.WARNING]


async def test_a_wrong_token_a_refused_stream_and_a_down_api_are_findings(simulated: Simulated) -> None:
    findings = await checked(simulated, {"env:TOKEN": "api-wrong"})
    assert any("the access token does not work" in what for what in those(findings, Standing.PROBLEM))
    assert any("cannot be read" in what for what in those(findings, Standing.PROBLEM))
    assert "api-wrong" not in str(findings)


@leaks_refused_streams
async def test_without_a_stream_nothing_can_be_proven(simulated: Simulated, monkeypatch: pytest.MonkeyPatch) -> None:
    from killswitch_backends.launchdarkly import checking

    monkeypatch.setattr(checking, "_CONNECT", 0.3)
    findings = await checked(simulated, {"env:SDK_KEY": "sdk-wrong"})
    assert any("nothing can be proven" in what for what in those(findings, Standing.PROBLEM))


async def test_required_approvals_are_told_and_tried(simulated: Simulated) -> None:
    await simulated.require_approvals(f"agent:refund-{1}")
    findings = await checked(simulated)
    assert any("requires approvals for agent:refund-1" in what for what in those(findings, Standing.WARNING))
    assert any("will be blocked" in what for what in those(findings, Standing.PROBLEM, FLAG))
    assert not those(findings, Standing.PROBLEM, OTHER)


async def test_what_off_serves_is_judged(simulated: Simulated) -> None:
    body = (await simulated.call("GET", f"/api/v2/flags/agents/{FLAG}"))[1]
    on = body["variations"][0]["_id"]
    await simulated.patch(FLAG, {"kind": "updateOffVariation", "variationId": on})
    variations = [{"_id": "a", "value": "act"}, {"_id": "b", "value": "act slowly"}]
    replace = [{"op": "replace", "path": "/variations", "value": variations}]
    assert (await simulated.call("PATCH", f"/api/v2/flags/agents/{OTHER}", replace))[0] == 200
    findings = await checked(simulated)
    assert any("off serves the same as on" in what for what in those(findings, Standing.PROBLEM, FLAG))
    assert any("off serves 'act slowly'" in what for what in those(findings, Standing.WARNING, OTHER))


async def test_triggers_are_resolved_but_never_fired(simulated: Simulated) -> None:
    table = {"trigger": {FLAG: "env:TRIGGER", OTHER: "env:MISSING"}}
    secret = f"{simulated.uri}/webhook/triggers/1/5ec2e7"
    findings = await checked(simulated, {"env:TRIGGER": secret}, **table)
    assert any(what.startswith("1 of 2 flags have a trigger") for what in those(findings, Standing.WARNING))
    assert any("its trigger cannot be used" in what for what in those(findings, Standing.WARNING, OTHER))
    assert simulated.faults.seen["launchdarkly.trigger"] == 0
    assert "5ec2e7" not in str(findings)


async def test_agents_that_fail_open_are_a_problem(simulated: Simulated) -> None:
    async with serving_board() as served:
        served.board.put("refund-1", "pod-1", {FLAG: 1}, {FLAG: False})
        served.board.put("refund-2", "pod-2", {OTHER: 1}, {OTHER: True})
        table = {"reports_uri": served.uri, "reports_token": "env:BOARD"}
        findings = await checked(simulated, {"env:BOARD": BOARD_TOKEN}, **table)
        assert any(what.startswith("agents of 2 of 2 flags report") for what in those(findings, Standing.OK))
        assert those(findings, Standing.PROBLEM, FLAG) == []
        assert those(findings, Standing.PROBLEM, OTHER) == [
            "fails open: refund-2/pod-2 go on by their code's default without a flag"
        ]
        broken = await checked(simulated, {"env:BOARD": "wrong"}, **table)
        assert any("reports of agents cannot be read" in what for what in those(broken, Standing.UNKNOWN))
