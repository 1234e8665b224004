"""The second path: a flag's trigger URL, for when the REST API refuses or is down."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from killswitch_backends.emergency import EmergencyCredential
from killswitch_backends.launchdarkly import KIND, LaunchDarklySettings
from killswitch_backends.launchdarkly.triggers import Triggers
from killswitch_backends.problems import Blocked, Conflict, Refused, Unauthenticated, Unreachable
from killswitch_backends.protocol import Backend, Captured, LabelKeys, Sight, Surroundings, Watch
from killswitch_backends.simulator.launchdarkly import READ_ONLY_TOKEN, SDK_KEY
from killswitch_inventory.sightings import ListingComplete
from launchdarkly_backend import captured, halted, observing, opened, order, sighting, target, these
from launchdarkly_simulated import Simulated, agent, serving, until

FLAG = "agent-refund-1"
OTHER = "agent-refund-2"


@pytest.fixture
async def simulated() -> AsyncIterator[Simulated]:
    async with serving([agent(1), agent(2)]) as served:
        yield served


async def make_trigger(simulated: Simulated, flag: str = FLAG, kind: str = "turnFlagOff") -> dict[str, Any]:
    body = {"instructions": [{"kind": kind}], "integrationKey": "generic-trigger"}
    status, made, _ = await simulated.call("POST", f"/api/v2/flags/agents/{flag}/triggers/production", body)
    assert status == 201, made
    return dict(made)


@asynccontextmanager
async def with_trigger(
    simulated: Simulated, secrets: dict[str, str] | None = None, **table: Any
) -> AsyncIterator[tuple[Backend, dict[str, Any]]]:
    """The backend with a trigger for the one flag."""
    made = await make_trigger(simulated)
    known = {"file:/triggers/one": made["triggerURL"], **(secrets or {})}
    async with opened(simulated, known, **{"trigger": {FLAG: "file:/triggers/one"}, **table}) as backend:
        yield backend, made


async def is_on(simulated: Simulated, flag: str = FLAG) -> bool:
    body = (await simulated.call("GET", f"/api/v2/flags/agents/{flag}"))[1]
    return bool(body["environments"]["production"]["on"])


async def test_a_trigger_works_without_a_token_and_twice_changes_nothing(simulated: Simulated) -> None:
    made = await make_trigger(simulated)
    for _ in range(2):
        async with simulated.http.post(made["triggerURL"]) as answer:
            assert answer.status == 202
    body = (await simulated.call("GET", f"/api/v2/flags/agents/{FLAG}"))[1]
    assert (body["environments"]["production"]["on"], body["environments"]["production"]["version"]) == (False, 2)
    assert await is_on(simulated, OTHER)


async def test_its_url_is_shown_once_and_ends_with_a_reset(simulated: Simulated) -> None:
    made = await make_trigger(simulated)
    path = f"/api/v2/flags/agents/{FLAG}/triggers/production"
    _, listed, _ = await simulated.call("GET", path)
    [item] = listed["items"]
    secret = made["triggerURL"].rpartition("/")[2]
    assert item["_id"] == made["_id"]
    assert secret not in str(listed)
    one = f"{path}/{made['_id']}"
    _, cycled, _ = await simulated.call("PATCH", one, {"instructions": [{"kind": "cycleTriggerUrl"}]}, semantic=True)
    for url, status in ((made["triggerURL"], 404), (cycled["triggerURL"], 202), (made["triggerURL"] + "0", 404)):
        async with simulated.http.post(url) as answer:
            assert answer.status == status
    await simulated.call("PATCH", one, {"instructions": [{"kind": "disableTrigger"}]}, semantic=True)
    async with simulated.http.post(cycled["triggerURL"]) as answer:
        assert answer.status == 404


@pytest.mark.parametrize("fault", [401, 403, 405, 400, 500, 503, "reset"])
async def test_it_is_used_when_the_rest_api_refuses_or_is_down(simulated: Simulated, fault: int | str) -> None:
    async with with_trigger(simulated) as (backend, _):
        before = await captured(backend, FLAG)
        simulated.faults.standing |= {"launchdarkly.get": fault, "launchdarkly.patch": fault}
        accepted = await backend.halt(before, order())
        assert "turned off by its trigger" in accepted.detail
        assert "no mark" in accepted.detail
        simulated.faults.standing.clear()
        assert not await is_on(simulated)
        async with observing(backend, these(Watch(before, accepted))) as seen:
            await until(lambda: bool(seen) and seen[-1].sight is Sight.STOPPED)
            assert "turned off by its trigger" in seen[-1].evidence.detail


async def test_it_is_not_used_while_the_rest_api_works_or_only_asks_to_wait(simulated: Simulated) -> None:
    from killswitch_backends.problems import Throttled

    async with with_trigger(simulated) as (backend, _):
        before = await captured(backend, FLAG)
        simulated.faults.before["launchdarkly.patch"] = [429]
        with pytest.raises(Throttled):
            await backend.halt(before, order())
        watch = Watch(before, await backend.halt(before, order()))
        assert simulated.faults.seen["launchdarkly.trigger"] == 0
        assert watch.accepted.halted["marked"]


async def test_a_hanging_rest_api_is_given_two_seconds(simulated: Simulated) -> None:
    async with with_trigger(simulated) as (backend, _):
        before = await captured(backend, FLAG)
        simulated.faults.standing["launchdarkly.get"] = "hang"
        began = asyncio.get_running_loop().time()
        accepted = await backend.halt(before, order())
        assert asyncio.get_running_loop().time() - began < 4.5
        assert "did not answer" in accepted.detail


async def test_where_both_ways_fail_both_are_said_and_the_first_one_decides(simulated: Simulated) -> None:
    async with with_trigger(simulated) as (backend, made):
        before = await captured(backend, FLAG)
        await simulated.require_approvals()
        simulated.face.approvals.bypassed_by_triggers = False
        with pytest.raises(Blocked, match=r"Approval is required.*its trigger was refused") as caught:
            await backend.halt(before, order())
        assert made["triggerURL"] not in str(caught.value)
        assert await is_on(simulated)


async def test_an_environment_that_lets_triggers_pass_is_halted_without_its_approval(simulated: Simulated) -> None:
    async with with_trigger(simulated) as (backend, _):
        before = await captured(backend, FLAG)
        await simulated.require_approvals()
        accepted = await backend.halt(before, order())
        assert "Approval is required" in accepted.detail
        assert not await is_on(simulated)


async def test_another_flag_has_no_second_path(simulated: Simulated) -> None:
    async with with_trigger(simulated) as (backend, _):
        before = await captured(backend, OTHER)
        simulated.faults.standing["launchdarkly.get"] = 401
        with pytest.raises(Unauthenticated):
            await backend.halt(before, order())


async def test_its_url_is_in_no_message_and_no_log(
    simulated: Simulated, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "5ec2e75ec2e7"
    bad = ["ftp://x/" + secret, f"https://[{secret}", f"http://elsewhere.example/{secret}"]
    bad += [f"http://127.0.0.1:1/{secret}", f"{simulated.uri}/webhook/triggers/none/{secret}"]
    async with opened(simulated, {}, trigger={FLAG: "file:/one"}) as backend:
        before = await captured(backend, FLAG)
        simulated.faults.standing["launchdarkly.get"] = 401
        triggers: Triggers = backend._triggers  # type: ignore[attr-defined]
        for url in bad:

            async def secret_of(_: str, url: str = url) -> str:
                return url

            monkeypatch.setattr(triggers, "_secret", secret_of)
            with pytest.raises(Unauthenticated) as caught:
                await backend.halt(before, order())
            told: BaseException | None = caught.value
            while told is not None:
                assert secret not in f"{told} {told!r}"
                told = None if told.__suppress_context__ and told.__cause__ is None else told.__cause__
    ours = [record for record in caplog.records if record.name != "aiohttp.access"]  # that is the simulator's own
    assert not any(secret in record.getMessage() for record in ours)


async def test_a_pattern_stands_for_every_flag_with_a_plain_key(simulated: Simulated) -> None:
    async with opened(simulated, trigger={"*": "file:/triggers/{flag}", OTHER: "env:OWN"}) as backend:
        triggers: Triggers = backend._triggers  # type: ignore[attr-defined]
        assert triggers.reference(FLAG) == f"file:/triggers/{FLAG}"
        assert triggers.reference(OTHER) == "env:OWN"
        assert triggers.reference("../../etc/passwd") is None
        assert triggers.reference("..") is None


async def test_a_trigger_from_the_break_glass_vault_opens_the_second_path(simulated: Simulated) -> None:
    made = await make_trigger(simulated)
    fields = {"flag": FLAG, "url": made["triggerURL"]}
    credential = EmergencyCredential(kind="trigger-url", fields=fields)

    async def secret(reference: str) -> str:
        return {"env:TOKEN": "api-revoked", "env:SDK_KEY": SDK_KEY}[reference]

    uris = dict.fromkeys(("base_uri", "stream_uri", "events_uri"), simulated.uri)
    table = {"name": "test", "project": "agents", "environment": "production", **uris}
    settings = KIND.settings(**table, token="env:TOKEN", sdk_key="env:SDK_KEY")
    surroundings = Surroundings("production", LabelKeys(), secret, lambda: datetime.now(UTC))
    opened_with = KIND.with_emergency(settings, surroundings, credential, lambda *_: Path())
    assert made["triggerURL"] not in repr(opened_with[0])
    async with KIND.open(*opened_with) as backend, observing(backend, these()):
        await until(lambda: backend._observer.status().valid)  # type: ignore[attr-defined]
        watch = await halted(backend, FLAG)
        assert "turned off by its trigger" in watch.accepted.detail
    assert not await is_on(simulated)


def test_a_literal_url_in_the_table_is_an_error_that_does_not_repeat_it() -> None:
    with pytest.raises(ValueError, match="keyring:NAME") as caught:
        LaunchDarklySettings(
            name="a",
            project="p",
            environment="e",
            token="env:A",
            sdk_key="env:B",
            trigger={FLAG: "https://s.example/x"},
        )
    assert "s.example" not in str(caught.value)
    assert KIND.settings is LaunchDarklySettings


async def test_a_halt_by_trigger_is_restored_over_rest_exactly(simulated: Simulated) -> None:
    async with with_trigger(simulated) as (backend, _):
        watch = await by_trigger(simulated, backend)
        await backend.restore(watch, order())
        assert await is_on(simulated)
        await backend.restore(watch, order())


async def test_what_changed_since_a_halt_by_trigger_is_a_conflict(simulated: Simulated) -> None:
    async with with_trigger(simulated) as (backend, _):
        watch = await by_trigger(simulated, backend)
        off = (await simulated.call("GET", f"/api/v2/flags/agents/{FLAG}"))[1]["variations"][1]["_id"]
        await simulated.patch(FLAG, {"kind": "updateFallthroughVariationOrRollout", "variationId": off})
        with pytest.raises(Conflict, match="fallthrough"):
            await backend.restore(watch, order())
        assert not await is_on(simulated)


async def by_trigger(simulated: Simulated, backend: Backend) -> Watch:
    """Halt the flag while REST refuses the token."""
    before = await captured(backend, FLAG)
    simulated.faults.standing["launchdarkly.get"] = 401
    accepted = await backend.halt(before, order())
    simulated.faults.standing.clear()
    return Watch(before, accepted)


async def test_with_the_rest_api_down_what_was_known_and_is_still_served_is_the_prior_state(
    simulated: Simulated,
) -> None:
    async with with_trigger(simulated) as (backend, _), sighting(backend) as seen:
        await until(lambda: any(isinstance(item, ListingComplete) for item in seen))
        await until(lambda: backend._observer.status().valid)  # type: ignore[attr-defined]
        exact = await captured(backend, FLAG)
        simulated.faults.standing |= {"launchdarkly.get": 503, "launchdarkly.list": 503}
        again = await captured(backend, FLAG)
        assert again.prior == exact.prior
        [other] = [item async for item in backend.capture([target(OTHER)], fresh=True)]
        assert not isinstance(other, Captured), "without a trigger there is nothing to capture it for"
        accepted = await backend.halt(again, order())
        simulated.faults.standing.clear()
        await backend.restore(Watch(again, accepted), order())
        assert await is_on(simulated)


async def test_a_console_that_never_read_the_flag_captures_what_the_stream_tells(simulated: Simulated) -> None:
    async with with_trigger(simulated) as (backend, _):
        simulated.faults.standing |= {"launchdarkly.get": 503, "launchdarkly.list": 503}
        async with observing(backend, these()):
            await until(lambda: backend._observer.status().valid)  # type: ignore[attr-defined]
            before = await captured(backend, FLAG)
            assert before.prior == {"on": True, "version": 1, "variations": [True, False], "offVariation": 1}
            watch = Watch(before, await backend.halt(before, order()))
        simulated.faults.standing.clear()
        on = (await simulated.call("GET", f"/api/v2/flags/agents/{FLAG}"))[1]["variations"][0]["_id"]
        clause = {"attribute": "country", "op": "in", "values": ["DE"]}
        await simulated.patch(FLAG, {"kind": "addRule", "variationId": on, "clauses": [clause]})
        with pytest.raises(Conflict, match="version"):
            await backend.restore(watch, order())


async def test_a_flag_that_the_token_may_not_read_stays_in_the_plan(simulated: Simulated) -> None:
    async with with_trigger(simulated) as (backend, _):
        simulated.faults.standing["launchdarkly.get"] = 401
        one, other = await backend.preflight([target(FLAG), target(OTHER)])
        assert (one.unsupported, one.action) == (None, "turn off by its trigger")
        assert (other.unsupported, other.action) == (None, "turn off")
        assert "401" in other.risks[0]
        simulated.faults.standing.clear()
        [gone] = await backend.preflight([target("no-such-flag")])
        assert gone.unsupported is not None


async def test_a_flag_that_is_off_is_never_captured_from_the_stream(simulated: Simulated) -> None:
    async with with_trigger(simulated) as (backend, _):
        await halted(backend, FLAG, "H0")
        async with observing(backend, these()):
            observer = backend._observer  # type: ignore[attr-defined]
            await until(lambda: (served := observer.served(FLAG)) is not None and not served.on)
            simulated.faults.standing["launchdarkly.get"] = 503
            [item] = [item async for item in backend.capture([target(FLAG)], fresh=True)]
            assert isinstance(item.problem, Unreachable)  # type: ignore[union-attr]


async def test_a_token_that_may_only_read_still_halts_by_trigger(simulated: Simulated) -> None:
    async with with_trigger(simulated, {"env:TOKEN": READ_ONLY_TOKEN}) as (backend, _):
        watch = await halted(backend, FLAG)
        assert "403" in watch.accepted.detail
        assert not await is_on(simulated)
        with pytest.raises(Refused, match="403"):
            await backend.restore(watch, order())
