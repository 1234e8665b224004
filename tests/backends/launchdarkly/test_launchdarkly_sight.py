"""Sighting and preflight."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest

from killswitch_backends.launchdarkly import preflight as preflight_module
from killswitch_backends.launchdarkly import sighting as sighting_module
from killswitch_backends.problems import Unreachable
from killswitch_backends.protocol import Backend, Preflight
from killswitch_inventory.agents import How
from killswitch_inventory.sightings import (
    Claim,
    ListingComplete,
    ListingStarted,
    Sighting,
    SightingFailed,
    TargetGone,
    TargetSighting,
)
from killswitch_inventory.targets import Layer
from launchdarkly_backend import halted, last, opened, order, sighting, target
from launchdarkly_simulated import Simulated, agent, leaks_refused_streams, serving, until

pytestmark = leaks_refused_streams

FLAG = "agent-refund-1"


@pytest.fixture
async def simulated() -> AsyncIterator[Simulated]:
    async with serving([agent(1), agent(2)]) as served:
        yield served


@pytest.fixture
async def backend(simulated: Simulated) -> AsyncIterator[Backend]:
    async with opened(simulated) as open_backend:
        yield open_backend


def of(flag: str, seen: list[Sighting]) -> TargetSighting | None:
    found = last(seen, lambda item: isinstance(item, TargetSighting) and item.target == target(flag))
    assert found is None or isinstance(found, TargetSighting)
    return found


def complete(seen: list[Sighting]) -> bool:
    return any(isinstance(item, ListingComplete) for item in seen)


async def test_a_listing_reports_tagged_flags_with_their_claims() -> None:
    specs = [agent(number) for number in range(230)]
    async with serving(specs) as served, opened(served) as backend, sighting(backend) as seen:
        await until(lambda: complete(seen))
        assert isinstance(seen[0], ListingStarted)
        flags = [item for item in seen if isinstance(item, TargetSighting)]
        assert len(flags) == 230
        first = of("agent-refund-7", seen)
        assert first is not None
        assert first.claims == (Claim(How.TAG, "refund-7", "refund", "acme"),)
        assert (first.layer, first.kind, first.off, first.mark) == (Layer.CAPABILITY, "flag", False, None)


async def test_changes_are_pushed_and_a_halts_mark_is_seen(simulated: Simulated, backend: Backend) -> None:
    async with sighting(backend) as seen:
        await until(lambda: complete(seen))
        await until(lambda: simulated.face.edge.streams == 1)
        await halted(backend, FLAG)
        await until(lambda: (found := of(FLAG, seen)) is not None and found.off and found.mark is not None)
        marked = of(FLAG, seen)
        assert marked is not None
        assert marked.mark is not None
        assert (marked.mark.halt_id, marked.mark.invoker) == ("H1", "os:alice")
        await simulated.patch(FLAG, {"kind": "turnFlagOn"})
        await until(lambda: (found := of(FLAG, seen)) is not None and not found.off)
        other = of("agent-refund-2", seen)
        assert other is not None
        assert not other.off


async def test_new_archived_and_deleted_flags_are_seen(simulated: Simulated, backend: Backend) -> None:
    async with sighting(backend) as seen:
        await until(lambda: complete(seen))
        await until(lambda: simulated.face.edge.streams == 1)
        body = {"key": "late", "tags": ["agent", "agent-class:refund"]}
        await simulated.call("POST", "/api/v2/flags/agents", body)
        await until(lambda: of("late", seen) is not None)
        late = of("late", seen)
        assert late is not None
        assert late.claims == (Claim(How.TAG, None, "refund", None),)
        await simulated.patch(FLAG, {"kind": "archiveFlag"})
        await simulated.call("DELETE", "/api/v2/flags/agents/agent-refund-2")
        for flag in (FLAG, "agent-refund-2"):
            gone = target(flag)
            await until(lambda gone=gone: last(seen, lambda i: isinstance(i, TargetGone) and i.target == gone))


async def test_a_failure_is_reported_and_listed_anew(
    simulated: Simulated, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sighting_module, "_FIRST_PAUSE", 0.05)
    simulated.faults.before["launchdarkly.list"] = [503, 500]
    async with sighting(backend) as seen:
        await until(lambda: complete(seen))
    failures = [item for item in seen if isinstance(item, SightingFailed)]
    assert len(failures) == 2
    assert "launchdarkly:test" in failures[0].problem


async def test_a_bad_token_is_reported_without_it(simulated: Simulated) -> None:
    async with opened(simulated, {"env:TOKEN": "api-wrong"}) as backend, sighting(backend) as seen:
        await until(lambda: any(isinstance(item, SightingFailed) for item in seen))
    assert "401" in str(seen[-1])
    assert "api-wrong" not in str(seen)


async def test_without_a_stream_it_lists_again_and_again(simulated: Simulated, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sighting_module, "RELIST_BLIND", 0.1)
    async with opened(simulated, {"env:SDK_KEY": "sdk-wrong"}) as backend, sighting(backend) as seen:
        await until(lambda: complete(seen))
        await simulated.patch(FLAG, {"kind": "turnFlagOff"})
        await until(lambda: (found := of(FLAG, seen)) is not None and found.off)
        other = of("agent-refund-2", seen)
        assert other is not None
        assert not other.off


async def test_a_live_record_answers_a_capture_without_a_call(simulated: Simulated, backend: Backend) -> None:
    async with sighting(backend) as seen:
        await until(lambda: complete(seen))
        before = sum(simulated.faults.seen.values())
        items = [item async for item in backend.capture([target(FLAG)], fresh=False)]
        assert len(items) == 1
        assert sum(simulated.faults.seen.values()) == before
    assert [item async for item in backend.capture([target(FLAG)], fresh=False)]
    assert simulated.faults.seen["launchdarkly.get"] == 1


async def preflight(backend: Backend, flag: str = FLAG) -> Preflight:
    [found] = await backend.preflight([target(flag)])
    return found


async def test_preflight_says_what_off_serves_and_what_a_flag_does_not_do(backend: Backend) -> None:
    found = await preflight(backend)
    assert (found.action, found.api_calls, found.unsupported) == ("turn off, serve False", 2, None)
    assert found.risks == (preflight_module.LIMITS,)


async def test_preflight_changes_nothing(simulated: Simulated, backend: Backend) -> None:
    before = (await simulated.call("GET", f"/api/v2/flags/agents/{FLAG}"))[1]
    await preflight(backend)
    assert (await simulated.call("GET", f"/api/v2/flags/agents/{FLAG}"))[1] == before


async def test_approvals_schedules_and_dependants_are_risks(simulated: Simulated, backend: Backend) -> None:
    on = (await simulated.call("GET", f"/api/v2/flags/agents/{FLAG}"))[1]["variations"][0]["_id"]
    await simulated.patch("agent-refund-2", {"kind": "addPrerequisite", "key": FLAG, "variationId": on})
    path = f"/api/v2/projects/agents/flags/{FLAG}/environments/production/scheduled-changes"
    due = int((time.time() + 3600) * 1000)
    await simulated.call("POST", path, {"executionDate": due, "instructions": [{"kind": "turnFlagOn"}]})
    await simulated.require_approvals("agent-class:refund")
    await until(lambda: b'"prerequisites":[{' in simulated.face.edge.put_data())
    risks = "\n".join((await preflight(backend)).risks)
    assert "need an approval" in risks
    assert "a scheduled change turns it on at " in risks
    assert "collateral: agent-refund-2 depend" in risks


async def test_what_cannot_be_looked_up_is_said(simulated: Simulated, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight_module, "_OBSERVER_WAIT", 0.05)
    simulated.faults.before |= {"launchdarkly.environment": [403], "launchdarkly.scheduled": [503]}
    async with opened(simulated, {"env:SDK_KEY": "sdk-wrong"}) as backend:
        risks = (await preflight(backend)).risks
    assert sum("could not be looked up" in risk for risk in risks) == 3


async def test_unsound_flags_are_unsupported_with_a_way_out(simulated: Simulated, backend: Backend) -> None:
    on = (await simulated.call("GET", f"/api/v2/flags/agents/{FLAG}"))[1]["variations"][0]["_id"]
    await simulated.patch(FLAG, {"kind": "updateOffVariation", "variationId": on})
    assert "same as on" in str((await preflight(backend)).unsupported)
    merge = {"merge": {"environments": {"production": {"offVariation": None}}}}
    status, body, _ = await simulated.call("PATCH", f"/api/v2/flags/agents/{FLAG}", merge)
    assert status == 200, body
    assert "no off variation" in str((await preflight(backend)).unsupported)
    await simulated.patch("agent-refund-2", {"kind": "archiveFlag"})
    assert "archived" in str((await preflight(backend, "agent-refund-2")).unsupported)
    assert "no such flag" in str((await preflight(backend, "none")).unsupported)


async def test_an_off_variation_that_serves_true_is_a_risk(simulated: Simulated, backend: Backend) -> None:
    on, off = [v["_id"] for v in (await simulated.call("GET", f"/api/v2/flags/agents/{FLAG}"))[1]["variations"]]
    await simulated.patch(
        FLAG,
        {"kind": "updateOffVariation", "variationId": on},
        {"kind": "updateFallthroughVariationOrRollout", "variationId": off},
    )
    found = await preflight(backend)
    assert found.unsupported is None
    assert any("serves true" in risk for risk in found.risks)


async def test_a_flag_that_is_off_says_so(simulated: Simulated, backend: Backend) -> None:
    await simulated.patch(FLAG, {"kind": "turnFlagOff"})
    assert (await preflight(backend)).action == "stays off, serves False"


async def test_preflight_of_an_unreachable_platform_is_a_problem() -> None:
    async with serving([agent(1)]) as served:
        pass
    async with opened(served) as backend:
        with pytest.raises(Unreachable):
            await preflight(backend)


async def test_a_key_with_a_slash_or_dots_stays_one_flag(simulated: Simulated, backend: Backend) -> None:
    for hostile in ("../../caller-identity", "a/b", "a?b", "a%2Fb"):
        assert "no such flag" in str((await preflight(backend, hostile)).unsupported)
    assert order().halt_id == "H1"
