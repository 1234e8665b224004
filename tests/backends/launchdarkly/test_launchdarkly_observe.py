"""Proof by a separate SDK client: what counts as stopped, and what never does."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from killswitch_backends.launchdarkly import observing as observing_module
from killswitch_backends.protocol import Backend, Grade, Observation, Sight, Watch
from launchdarkly_backend import accepted_without_answer, captured, halted, observing, opened, order, these
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


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Renew the observer's data soon, instead of after seconds."""
    from killswitch_backends.launchdarkly import observer

    monkeypatch.setattr(observing_module, "RENEW_AFTER", 0.2)
    monkeypatch.setattr(observing_module, "_LOOK", 0.05)
    monkeypatch.setattr(observer, "_FIRST_PAUSE", 0.2)


def newest(seen: list[Observation]) -> Sight | None:
    return seen[-1].sight if seen else None


async def test_a_halted_flag_is_stopped_once_a_separate_client_is_served_off(
    simulated: Simulated, backend: Backend
) -> None:
    simulated.face.edge.delay = (0.15, 0.15)
    async with backend_warm(backend):
        watch = await halted(backend, FLAG)
        async with observing(backend, these(watch)) as seen:
            await until(lambda: newest(seen) is Sight.STOPPED)
    assert {observation.sight for observation in seen[:-1]} <= {Sight.DRAINING, Sight.UNKNOWN}
    evidence = seen[-1].evidence
    assert evidence is not None
    assert evidence.grade is Grade.OBSERVED
    assert "reason OFF" in evidence.detail
    assert evidence.at >= watch.accepted.at
    assert simulated.face.capability.evaluate(FLAG) == (False, 2)


class backend_warm:  # noqa: N801 - reads as a phrase
    """The observer connected before the test begins, as it is when sighting has begun."""

    def __init__(self, backend: Backend) -> None:
        self._observer = backend._observer  # type: ignore[attr-defined]

    async def __aenter__(self) -> None:
        await self._observer.start()
        assert await self._observer.valid_within(5)

    async def __aexit__(self, *_: object) -> None:
        return


async def test_on_is_never_stopped_and_a_revival_is_told_at_once_with_its_author(
    simulated: Simulated, backend: Backend
) -> None:
    watch = await halted(backend, FLAG)
    async with observing(backend, these(watch)) as seen:
        await until(lambda: newest(seen) is Sight.STOPPED)
        await simulated.patch(FLAG, {"kind": "turnFlagOn"}, comment="all good again")
        await until(lambda: newest(seen) is Sight.ACTING)
        await until(lambda: "by killswitch-console: all good again" in seen[-1].note)
        again = await backend.halt(watch.captured, order())
        assert again.halted["version"] == 4
        await until(lambda: newest(seen) is Sight.STOPPED)
    assert [observation.sight for observation in seen].count(Sight.STOPPED) == 2


async def test_targets_may_come_later_and_others_are_left_alone(simulated: Simulated, backend: Backend) -> None:
    first, second = await halted(backend, FLAG), None

    async def growing() -> AsyncIterator[Watch]:
        nonlocal second
        yield first
        await until(lambda: any(observation.sight is Sight.STOPPED for observation in seen))
        second = await halted(backend, "agent-refund-2")
        yield second

    async with observing(backend, growing()) as seen:
        await until(lambda: len([o for o in seen if o.sight is Sight.STOPPED]) == 2)
    assert {str(o.target) for o in seen} == {"launchdarkly:test/agent-refund-1", "launchdarkly:test/agent-refund-2"}


async def test_a_halt_whose_answer_was_lost_is_judged_by_what_is_served(simulated: Simulated, backend: Backend) -> None:
    before = await captured(backend, FLAG)
    simulated.faults.applied["launchdarkly.patch"] = [503]
    with pytest.raises(Exception, match="503"):
        await backend.halt(before, order())
    async with observing(backend, these(Watch(before, accepted_without_answer(before)))) as seen:
        await until(lambda: newest(seen) is Sight.STOPPED)


@pytest.mark.usefixtures("impatient")
async def test_a_halt_that_was_never_applied_is_seen_acting(simulated: Simulated, backend: Backend) -> None:
    before = await captured(backend, FLAG)
    async with observing(backend, these(Watch(before, accepted_without_answer(before)))) as seen:
        await until(lambda: newest(seen) is Sight.ACTING)
    assert Sight.STOPPED not in {observation.sight for observation in seen}


async def test_a_flag_that_was_off_already_is_proven_too(simulated: Simulated, backend: Backend) -> None:
    await simulated.patch(FLAG, {"kind": "turnFlagOff"})
    await until(lambda: simulated.face.capability.evaluate(FLAG)[0] is False)
    watch = await halted(backend, FLAG)
    async with observing(backend, these(watch)) as seen:
        await until(lambda: newest(seen) is Sight.STOPPED)
    assert seen[-1].evidence is not None
    assert "reason OFF" in seen[-1].evidence.detail


@pytest.mark.usefixtures("impatient")
async def test_data_from_before_the_halt_proves_nothing(simulated: Simulated, backend: Backend) -> None:
    """Off by old data of a half-open stream: unknown, until a second connection confirms it."""
    await simulated.patch(FLAG, {"kind": "turnFlagOff"})
    await until(lambda: simulated.face.capability.evaluate(FLAG)[0] is False)
    async with backend_warm(backend):
        simulated.faults.standing["launchdarkly.stream"] = 503
        watch = await halted(backend, FLAG)
        later = replace(watch.accepted, halted={**watch.accepted.halted, "version": 99})
        async with observing(backend, these(Watch(watch.captured, later))) as seen:
            await until(lambda: newest(seen) is Sight.UNKNOWN)
            assert "before the halt" in seen[0].note
            assert Sight.STOPPED not in {observation.sight for observation in seen}
            simulated.faults.standing.clear()
            await until(lambda: newest(seen) is Sight.STOPPED)


@pytest.mark.usefixtures("impatient")
async def test_a_stream_that_stands_still_is_replaced(simulated: Simulated, backend: Backend) -> None:
    async with backend_warm(backend):
        simulated.faults.before["launchdarkly.stream.send"] = ["hang"]
        watch = await halted(backend, FLAG)
        async with observing(backend, these(watch)) as seen:
            await until(lambda: newest(seen) is Sight.STOPPED)
    assert seen[0].sight is Sight.DRAINING
    assert simulated.faults.seen["launchdarkly.stream"] == 2


async def test_a_client_that_loses_its_stream_knows_nothing_until_it_is_back(simulated: Simulated) -> None:
    async with opened(simulated) as backend:
        watch = await halted(backend, FLAG)
        async with observing(backend, these(watch)) as seen:
            await until(lambda: newest(seen) is Sight.STOPPED)
            simulated.faults.standing["launchdarkly.stream"] = 503
            simulated.face.edge.disconnect()
            await until(lambda: newest(seen) is Sight.UNKNOWN)
            assert "not up to date" in seen[-1].note
            simulated.faults.standing.clear()
            await until(lambda: newest(seen) is Sight.STOPPED)


async def test_a_client_that_never_connects_proves_nothing(simulated: Simulated) -> None:
    simulated.faults.standing["launchdarkly.stream"] = "hang"
    async with opened(simulated) as backend:
        watch = await halted(backend, FLAG)
        async with observing(backend, these(watch)) as seen:
            await until(lambda: newest(seen) is Sight.UNKNOWN)
            assert Sight.STOPPED not in {observation.sight for observation in seen}
            simulated.faults.standing.clear()
            simulated.faults.released.set()
            await until(lambda: newest(seen) is Sight.STOPPED)


@pytest.mark.parametrize("secrets", [{"env:SDK_KEY": "sdk-wrong"}, {}])
async def test_a_wrong_or_missing_sdk_key_is_unknown_with_the_reason(
    simulated: Simulated, secrets: dict[str, str]
) -> None:
    table = {} if secrets else {"sdk_key": "env:MISSING"}
    async with opened(simulated, secrets, **table) as backend:
        watch = await halted(backend, FLAG)
        async with observing(backend, these(watch)) as seen:
            expected = "401" if secrets else "env:MISSING is not set"
            await until(lambda: bool(seen) and expected in seen[-1].note)
    assert {observation.sight for observation in seen} == {Sight.UNKNOWN}
    assert not any("sdk-wrong" in observation.note for observation in seen)


async def test_a_flag_that_is_deleted_while_watched_is_unknown(simulated: Simulated, backend: Backend) -> None:
    watch = await halted(backend, FLAG)
    async with observing(backend, these(watch)) as seen:
        await until(lambda: newest(seen) is Sight.STOPPED)
        await simulated.call("DELETE", f"/api/v2/flags/agents/{FLAG}")
        await until(lambda: newest(seen) is Sight.UNKNOWN)
    assert seen[-1].evidence is None
    assert seen[-1].note


async def test_closing_leaves_no_thread_behind(simulated: Simulated) -> None:
    before = set(threading.enumerate())
    async with opened(simulated) as backend:
        watch = await halted(backend, FLAG)
        async with observing(backend, these(watch)) as seen:
            await until(lambda: newest(seen) is Sight.STOPPED)
    left = [thread.name for thread in set(threading.enumerate()) - before if not thread.name.startswith("asyncio")]
    assert left == []
    await until(lambda: simulated.face.edge.streams == 0)


async def test_an_observation_that_is_dropped_at_once_leaves_no_thread_behind(simulated: Simulated) -> None:
    before = set(threading.enumerate())
    async with opened(simulated) as backend:
        watch = await halted(backend, FLAG)
        async with observing(backend, these(watch)):
            await asyncio.sleep(0)
    left = [thread.name for thread in set(threading.enumerate()) - before if not thread.name.startswith("asyncio")]
    assert left == []
