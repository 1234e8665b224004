"""Capture, halt and their refusals, against the served face."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from killswitch_backends.problems import (
    Blocked,
    Changed,
    Gone,
    Problem,
    Refused,
    Throttled,
    Unauthenticated,
    Unreachable,
    Unsupported,
)
from killswitch_backends.protocol import Backend, Captured, Failure
from killswitch_backends.simulator.launchdarkly import READ_ONLY_TOKEN, TOKEN
from launchdarkly_backend import captured, halted, opened, order, target
from launchdarkly_simulated import Simulated, agent, serving

FLAG = "agent-refund-1"
PATH = f"/api/v2/flags/agents/{FLAG}"


@pytest.fixture
async def simulated() -> AsyncIterator[Simulated]:
    async with serving([agent(1), agent(2)]) as served:
        yield served


@pytest.fixture
async def backend(simulated: Simulated) -> AsyncIterator[Backend]:
    async with opened(simulated) as open_backend:
        yield open_backend


async def is_on(simulated: Simulated, flag: str = FLAG) -> bool:
    body = (await simulated.call("GET", f"/api/v2/flags/agents/{flag}"))[1]
    return bool(body["environments"]["production"]["on"])


async def test_capture_holds_all_that_a_comparison_needs(simulated: Simulated, backend: Backend) -> None:
    before = await captured(backend, FLAG)
    assert before.prior == {
        "on": True,
        "version": 1,
        "variations": [True, False],
        "offVariation": 1,
        "fallthrough": {"variation": 0},
        "rules": [],
        "targets": [],
        "contextTargets": [],
        "prerequisites": [],
    }
    assert (before.already_off, before.marked_by) == (False, None)


async def test_a_halt_turns_the_flag_off_with_a_comment_and_a_mark(simulated: Simulated, backend: Backend) -> None:
    watch = await halted(backend, FLAG)
    _, body, _ = await simulated.call("GET", PATH)
    assert body["environments"]["production"]["on"] is False
    assert body["environments"]["production"]["version"] == watch.accepted.halted["version"] == 2
    values = body["customProperties"]["killswitch-halt.production"]["value"]
    assert {"halt:H1", "by:os:alice", "was:on", "version:1"} <= set(values)
    _, log, _ = await simulated.call("GET", "/api/v2/auditlog")
    assert [entry["comment"] for entry in log["items"]] == ["killswitch-console H1 by os:alice: runaway refunds"]
    assert simulated.faults.seen["launchdarkly.patch"] == 1


async def test_another_bastion_captures_the_state_before_the_halt(simulated: Simulated, backend: Backend) -> None:
    first = await halted(backend, FLAG)
    async with opened(simulated) as other:
        again = await captured(other, FLAG)
    assert again.marked_by == "H1"
    assert again.prior == first.captured.prior
    assert again.already_off is False


async def test_a_repeated_halt_changes_nothing(simulated: Simulated, backend: Backend) -> None:
    watch = await halted(backend, FLAG)
    before = (await simulated.call("GET", PATH))[1]
    again = await backend.halt(watch.captured, order())
    assert again.halted == watch.accepted.halted
    assert (await simulated.call("GET", PATH))[1] == before


async def test_a_flag_that_was_off_stays_off_with_nothing_of_it_changed(simulated: Simulated, backend: Backend) -> None:
    await simulated.patch(FLAG, {"kind": "turnFlagOff"})
    before = (await simulated.call("GET", PATH))[1]["environments"]
    watch = await halted(backend, FLAG)
    assert watch.captured.already_off
    assert "off already" in watch.accepted.detail
    assert (await simulated.call("GET", PATH))[1]["environments"] == before


async def test_a_revived_flag_that_was_off_before_is_turned_off_again(simulated: Simulated, backend: Backend) -> None:
    await simulated.patch(FLAG, {"kind": "turnFlagOff"})
    watch = await halted(backend, FLAG)
    await simulated.patch(FLAG, {"kind": "turnFlagOn"})
    await backend.halt(watch.captured, order())
    assert not await is_on(simulated)
    assert (await captured(backend, FLAG)).already_off


async def test_a_flag_switched_since_the_capture_is_changed(simulated: Simulated, backend: Backend) -> None:
    before = await captured(backend, FLAG)
    await simulated.patch(FLAG, {"kind": "turnFlagOff"})
    with pytest.raises(Changed, match="turned off since"):
        await backend.halt(before, order())
    await simulated.patch(FLAG, {"kind": "turnFlagOn"})
    await backend.halt(before, order())
    assert not await is_on(simulated)


async def test_a_flag_halted_by_another_since_the_capture_is_changed(simulated: Simulated, backend: Backend) -> None:
    before = await captured(backend, FLAG)
    await halted(backend, FLAG, "H0")
    with pytest.raises(Changed, match="halted by H0"):
        await backend.halt(before, order("H1"))
    again = await captured(backend, FLAG)
    assert (again.marked_by, again.prior["on"]) == ("H0", True)
    await backend.halt(again, order("H1"))


async def test_a_change_that_was_applied_but_not_answered_is_found_by_halting_again(
    simulated: Simulated, backend: Backend
) -> None:
    before = await captured(backend, FLAG)
    simulated.faults.applied["launchdarkly.patch"] = ["reset"]
    with pytest.raises(Unreachable):
        await backend.halt(before, order())
    accepted = await backend.halt(before, order())
    assert accepted.halted["version"] == 2
    assert len((await simulated.call("GET", "/api/v2/auditlog"))[1]["items"]) == 1


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        (400, Refused),
        (403, Refused),
        (404, Gone),
        (405, Blocked),
        (409, Changed),
        (422, Refused),
        (429, Throttled),
        (500, Unreachable),
        (502, Unreachable),
        (302, Unreachable),
        ("reset", Unreachable),
    ],
)
async def test_every_refusal_has_its_type(
    simulated: Simulated, backend: Backend, fault: int | str, problem: type[Problem]
) -> None:
    before = await captured(backend, FLAG)
    simulated.faults.standing["launchdarkly.patch"] = fault
    with pytest.raises(problem) as caught:
        await backend.halt(before, order())
    assert type(caught.value) is problem
    assert "launchdarkly:test/agent-refund-1" in str(caught.value)
    assert TOKEN not in str(caught.value)
    assert await is_on(simulated)


async def test_an_unknown_token_is_unauthenticated(simulated: Simulated) -> None:
    async with opened(simulated, {"env:TOKEN": "api-expired"}) as backend:
        with pytest.raises(Unauthenticated) as caught:
            await backend.identity()
    assert "api-expired" not in str(caught.value)


async def test_a_replaced_token_is_read_anew(simulated: Simulated) -> None:
    secrets = {"env:TOKEN": "api-expired"}
    tries = iter(["api-expired", TOKEN])
    async with opened(simulated, secrets) as backend:
        api = backend._api  # type: ignore[attr-defined]

        async def secret(_: str) -> str:
            return next(tries)

        api._requests._secret = secret
        assert (await backend.identity()).name == "killswitch-console"


async def test_a_token_that_may_only_read_is_refused(simulated: Simulated) -> None:
    async with opened(simulated, {"env:TOKEN": READ_ONLY_TOKEN}) as backend:
        before = await captured(backend, FLAG)
        with pytest.raises(Refused, match="403"):
            await backend.halt(before, order())


async def test_where_no_mark_can_be_left_the_halt_goes_on_without(simulated: Simulated, backend: Backend) -> None:
    before = await captured(backend, FLAG)
    simulated.faults.before["launchdarkly.patch"] = [403]
    accepted = await backend.halt(before, order())
    assert "no mark could be left" in accepted.detail
    assert accepted.halted["marked"] is False
    assert not await is_on(simulated)


async def test_a_required_approval_blocks_and_changes_nothing(simulated: Simulated, backend: Backend) -> None:
    before = await captured(backend, FLAG)
    await simulated.require_approvals()
    with pytest.raises(Blocked, match="Approval is required"):
        await backend.halt(before, order())
    assert await is_on(simulated)


@pytest.mark.parametrize("refusal", [403, 405])
async def test_a_flag_that_was_off_needs_no_mark_to_be_accepted(
    simulated: Simulated, backend: Backend, refusal: int
) -> None:
    await simulated.patch(FLAG, {"kind": "turnFlagOff"})
    before = await captured(backend, FLAG)
    simulated.faults.before["launchdarkly.patch"] = [refusal]
    assert "no mark could be left" in (await backend.halt(before, order())).detail


async def test_a_used_up_window_says_how_long_to_wait(simulated: Simulated, backend: Backend) -> None:
    before = await captured(backend, FLAG)
    simulated.face.limits.routes["launchdarkly.patch"] = 0
    with pytest.raises(Throttled) as caught:
        await backend.halt(before, order())
    assert caught.value.retry_after is not None
    assert 0 < caught.value.retry_after <= 10


async def test_a_hanging_platform_is_unreachable_in_seconds(simulated: Simulated, backend: Backend) -> None:
    import aiohttp

    from killswitch_backends.launchdarkly import requests

    before = await captured(backend, FLAG)
    simulated.faults.before["launchdarkly.get"] = ["hang"]
    assert requests.TIMEOUT.total is not None
    assert requests.TIMEOUT.total <= 5
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            requests.Requests.call,
            "__kwdefaults__",
            {**(requests.Requests.call.__kwdefaults__ or {}), "timeout": aiohttp.ClientTimeout(total=0.1)},
        )
        with pytest.raises(Unreachable, match=r"no answer within 0\.1 s"):
            await backend.halt(before, order())


async def test_an_unreachable_platform_is_a_failure_of_each_target() -> None:
    async with serving([agent(1)]) as served:
        pass
    async with opened(served) as backend:
        items = [item async for item in backend.capture([target("a"), target("b")], fresh=True)]
    assert [type(item) for item in items] == [Failure, Failure]
    assert all(isinstance(item, Failure) and isinstance(item.problem, Unreachable) for item in items)


async def test_what_is_gone_or_archived_is_a_failure_of_that_target_alone(
    simulated: Simulated, backend: Backend
) -> None:
    await simulated.patch("agent-refund-2", {"kind": "archiveFlag"})
    wanted = [target(FLAG), target("agent-refund-2"), target("none")]
    items = {item.target: item async for item in backend.capture(wanted, fresh=True)}
    assert isinstance(items[target(FLAG)], Captured)
    archived, gone = items[target("agent-refund-2")], items[target("none")]
    assert isinstance(archived, Failure)
    assert isinstance(archived.problem, Unsupported)
    assert isinstance(gone, Failure)
    assert isinstance(gone.problem, Gone)


async def test_many_flags_are_captured_by_pages_of_the_list() -> None:
    async with serving([agent(number) for number in range(250)]) as served, opened(served) as backend:
        wanted = [target(f"agent-refund-{number}") for number in range(250)] + [target("dark-mode")]
        items = [item async for item in backend.capture(wanted, fresh=True)]
        assert all(isinstance(item, Captured) for item in items)
        assert len(items) == 251
        assert served.faults.seen["launchdarkly.list"] == 3
        assert served.faults.seen["launchdarkly.get"] == 1


async def test_one_failing_flag_does_not_delay_others(simulated: Simulated, backend: Backend) -> None:
    first, second = await captured(backend, FLAG), await captured(backend, "agent-refund-2")
    simulated.faults.before["launchdarkly.patch"] = ["hang"]
    hanging = asyncio.create_task(backend.halt(first, order()))
    await asyncio.sleep(0)
    began = time.monotonic()
    while not simulated.faults.seen["launchdarkly.patch"]:
        await asyncio.sleep(0.005)
        assert time.monotonic() - began < 2
    await backend.halt(second, order())
    assert not await is_on(simulated, "agent-refund-2")
    hanging.cancel()
    await asyncio.gather(hanging, return_exceptions=True)


async def test_identity_is_the_tokens_own(backend: Backend) -> None:
    who = await backend.identity()
    assert who.name == "killswitch-console"
    assert who.account.endswith("/agents/production")
