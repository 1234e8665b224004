"""Putting a flag back exactly as it was, and refusing to where others changed it since."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from killswitch_backends.problems import Blocked, Conflict, Unauthenticated, Unreachable
from killswitch_backends.protocol import Accepted, Backend, Grade, Watch
from launchdarkly_backend import captured, halted, opened, order
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


async def whole(simulated: Simulated) -> dict[str, object]:
    """A flag without what every change moves on: versions and the time of the last one."""
    body = (await simulated.call("GET", PATH))[1]
    del body["_version"]
    for name in ("version", "lastModified"):
        del body["environments"]["production"][name]
    return dict(body)


async def test_a_restored_flag_is_as_it_was_field_by_field(simulated: Simulated, backend: Backend) -> None:
    off = (await simulated.call("GET", PATH))[1]["variations"][1]["_id"]
    clause = {"attribute": "country", "op": "in", "values": ["DE"]}
    await simulated.patch(FLAG, {"kind": "addRule", "variationId": off, "clauses": [clause]})
    before = await whole(simulated)
    watch = await halted(backend, FLAG)
    assert await whole(simulated) != before
    restored = await backend.restore(watch, order(reason="false alarm"))
    assert restored.evidence.grade is Grade.OBSERVED
    assert await whole(simulated) == before
    _, log, _ = await simulated.call("GET", "/api/v2/auditlog?limit=1")
    assert log["items"][0]["comment"] == "killswitch-console H1 restored by os:alice: false alarm"


async def test_a_flag_that_was_off_stays_off(simulated: Simulated, backend: Backend) -> None:
    await simulated.patch(FLAG, {"kind": "turnFlagOff"})
    before = await whole(simulated)
    await backend.restore(await halted(backend, FLAG), order())
    assert await whole(simulated) == before


async def test_a_restore_repeated_after_a_lost_answer_changes_nothing(simulated: Simulated, backend: Backend) -> None:
    watch = await halted(backend, FLAG)
    simulated.faults.applied["launchdarkly.patch"] = ["reset"]
    with pytest.raises(Unreachable):
        await backend.restore(watch, order())
    after = (await simulated.call("GET", PATH))[1]
    await backend.restore(watch, order())
    assert (await simulated.call("GET", PATH))[1] == after


async def test_a_halt_without_a_mark_can_be_restored_twice_as_well(simulated: Simulated, backend: Backend) -> None:
    simulated.faults.before["launchdarkly.patch"] = [403]
    watch = await halted(backend, FLAG)
    assert watch.accepted.halted["marked"] is False
    await backend.restore(watch, order())
    after = (await simulated.call("GET", PATH))[1]
    await backend.restore(watch, order())
    assert (await simulated.call("GET", PATH))[1] == after


async def test_what_a_halt_never_got_through_to_is_as_before(simulated: Simulated, backend: Backend) -> None:
    before = await whole(simulated)
    found = await captured(backend, FLAG)
    simulated.faults.before["launchdarkly.patch"] = [401, 401]
    with pytest.raises(Unauthenticated):
        await backend.halt(found, order())
    await backend.restore(Watch(found, Accepted(found.target, found.at)), order())
    assert await whole(simulated) == before


@pytest.mark.parametrize(
    ("instruction", "field"),
    [
        ({"kind": "turnFlagOn"}, "on"),
        ({"kind": "updateFallthroughVariationOrRollout", "variationId": 1}, "fallthrough"),
        ({"kind": "addTargets", "variationId": 1, "values": ["mallory"]}, "targets"),
        ({"kind": "updateOffVariation", "variationId": 0}, "offVariation"),
    ],
)
async def test_what_others_changed_since_is_a_conflict_and_stays(
    simulated: Simulated, backend: Backend, instruction: dict[str, object], field: str
) -> None:
    watch = await halted(backend, FLAG)
    variations = (await simulated.call("GET", PATH))[1]["variations"]
    if isinstance(index := instruction.get("variationId"), int):
        instruction = {**instruction, "variationId": variations[index]["_id"]}
    await simulated.patch(FLAG, instruction)
    before = (await simulated.call("GET", PATH))[1]
    with pytest.raises(Conflict) as caught:
        await backend.restore(watch, order())
    assert [change.field for change in caught.value.changes] == [field]
    assert (await simulated.call("GET", PATH))[1] == before


async def test_somebody_elses_later_off_is_theirs_to_undo(simulated: Simulated, backend: Backend) -> None:
    watch = await halted(backend, FLAG)
    await simulated.patch(FLAG, {"kind": "turnFlagOn"}, comment="trying")
    await simulated.patch(FLAG, {"kind": "turnFlagOff"}, comment="still broken, keep it off")
    with pytest.raises(Conflict, match="still broken"):
        await backend.restore(watch, order())


async def test_our_own_reassertion_is_no_conflict(simulated: Simulated, backend: Backend) -> None:
    watch = await halted(backend, FLAG)
    await simulated.patch(FLAG, {"kind": "turnFlagOn"})
    await backend.halt(watch.captured, order())
    restored = await backend.restore(watch, order())
    assert "on, as before" in restored.evidence.detail


async def test_a_change_that_touches_nothing_of_targeting_is_no_conflict(
    simulated: Simulated, backend: Backend
) -> None:
    watch = await halted(backend, FLAG)
    await simulated.patch(
        FLAG, {"kind": "updateTrackEvents", "trackEvents": True}, {"kind": "addTags", "values": ["x"]}
    )
    await backend.restore(watch, order())
    flag = (await simulated.call("GET", PATH))[1]
    assert flag["environments"]["production"]["on"] is True
    assert flag["environments"]["production"]["trackEvents"] is True, "their change stays"
    assert "x" in flag["tags"]


async def test_when_the_audit_log_cannot_be_read_a_moved_version_is_a_conflict(
    simulated: Simulated, backend: Backend
) -> None:
    watch = await halted(backend, FLAG)
    await simulated.patch(FLAG, {"kind": "updateTrackEvents", "trackEvents": True})
    simulated.faults.before["launchdarkly.auditlog"] = [403]
    with pytest.raises(Conflict) as caught:
        await backend.restore(watch, order())
    assert [change.field for change in caught.value.changes] == ["version"]


async def test_a_flag_held_by_another_halt_is_not_turned_on(simulated: Simulated, backend: Backend) -> None:
    first = await halted(backend, FLAG, "H1")
    second = await halted(backend, FLAG, "H2")
    assert second.captured.marked_by == "H1"
    with pytest.raises(Conflict, match="H1"):
        await backend.restore(second, order("H2"))
    await backend.restore(first, order("H1"))


async def test_an_approval_blocks_a_restore(simulated: Simulated, backend: Backend) -> None:
    watch = await halted(backend, FLAG)
    await simulated.require_approvals()
    with pytest.raises(Blocked):
        await backend.restore(watch, order())


async def test_another_bastion_can_restore_from_the_mark(simulated: Simulated, backend: Backend) -> None:
    before = await whole(simulated)
    await halted(backend, FLAG)
    async with opened(simulated) as other:
        await other.restore(await halted(other, FLAG), order())
    assert await whole(simulated) == before
