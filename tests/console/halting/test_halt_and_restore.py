"""The engine against a platform that fails on command: what a halt claims, what it touches, what comes back."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine_runs import INVOKER, assert_honest, deployment, flag, halt, opened, restore, role, small_fleet, states
from killswitch_console.halting.engine import (
    AlreadyRestored,
)
from killswitch_console.halting.progress import TargetState
from killswitch_console.halting.record import HaltRecord
from killswitch_console.halting.verdict import AgentState, Verdict
from killswitch_inventory.scopes import Scope
from killswitch_inventory.targets import Layer
from scripted_platform import Fault
from virtual_loop import now, run

PASSING = [Fault.THROTTLED, Fault.UNREACHABLE_BEFORE, Fault.UNREACHABLE_AFTER, Fault.SLOW]
"""What a target gets over by itself."""
ENDING = [Fault.BLOCKED, Fault.REFUSED, Fault.UNSUPPORTED, Fault.INTERNAL]
ENDS_AS = {
    Fault.BLOCKED: TargetState.BLOCKED,
    Fault.REFUSED: TargetState.FAILED,
    Fault.UNSUPPORTED: TargetState.UNSUPPORTED,
    Fault.INTERNAL: TargetState.FAILED,
}


def test_halts_proves_and_puts_everything_back(tmp_path: Path) -> None:
    world = small_fleet()
    before = world.state()

    async def main() -> None:
        async with opened(world, tmp_path) as engine:
            record = await halt(engine)
            assert record.verdict is Verdict.STOPPED
            assert record.slo_met(now())
            assert_honest(world, record)
            assert not any(thing.running() for thing in world.things.values())
            back = await restore(engine, record)
            assert back.verdict is Verdict.RESTORED
            assert not back.held
            with pytest.raises(AlreadyRestored):
                await engine.resume(record.header.halt_id)

    run(main)
    assert world.state() == before


FAULTS = st.lists(
    st.tuples(
        st.sampled_from(["halt", "capture", "look", "restore"]),
        st.sampled_from([make(f"a{n}") for make in (deployment, role, flag) for n in range(3)]),
        st.lists(st.sampled_from([*PASSING, *ENDING, Fault.HANG]), min_size=1, max_size=3),
    ),
    max_size=8,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(faults=FAULTS, seed=st.integers(0, 1000))
def test_whatever_fails_nothing_is_claimed_without_proof(
    tmp_path_factory: pytest.TempPathFactory, faults: list[tuple[str, str, list[Fault]]], seed: int
) -> None:
    random.seed(seed)
    world, folder = small_fleet(3), tmp_path_factory.mktemp("state")
    before = world.state()
    for operation, target, struck in faults:
        allowed = PASSING if operation == "look" else [*PASSING, *ENDING, Fault.HANG]
        world.strike(operation, target, *[f for f in struck if f in allowed])

    async def main() -> tuple[HaltRecord, HaltRecord]:
        async with opened(world, folder) as engine:
            record = await halt(engine, timeout=70)
            assert_honest(world, record)
            stopped = record.verdict is Verdict.STOPPED
            acting = [t for t in world.things.values() if t.running() and t.layer is not Layer.CAPABILITY]
            assert not (stopped and acting)
            assert stopped or any(s is not TargetState.STOPPED for s in states(record).values())
            assert record.slo_met(now()) <= stopped
            return record, await restore(engine, record, timeout=70)

    _, back = run(main)
    after = world.state()
    for target in back.targets:
        assert target.state is not TargetState.STOPPED or after[str(target.target)] != before[str(target.target)]
        if target.state is TargetState.RESTORED:
            assert after[str(target.target)] == before[str(target.target)]
        elif target.requested_at is not None:
            assert target.error, f"{target.target} is {target.state} and nobody says why"
    if back.verdict is Verdict.RESTORED:
        assert after == before


@pytest.mark.parametrize("answer", [Fault.HANG, Fault.UNREACHABLE_AFTER])
def test_what_a_restore_changed_without_an_answer_is_not_stopped_any_more(tmp_path: Path, answer: Fault) -> None:
    world = small_fleet()
    before = world.state()
    world.strike("restore", deployment("a2"), *[answer] * 40)

    async def main() -> tuple[HaltRecord, HaltRecord]:
        async with opened(world, tmp_path) as engine:
            record = await halt(engine)
            cut_short = await restore(engine, record, timeout=20)
            world.faults.clear()
            return cut_short, await restore(engine, record)

    cut_short, back = run(main)
    left = {t: s for t, s in states(cut_short).items() if s is not TargetState.RESTORED}
    assert left[deployment("a2")] is TargetState.UNKNOWN
    assert next(t for t in cut_short.targets if str(t.target) == deployment("a2")).error
    assert back.verdict is Verdict.RESTORED
    assert world.state() == before


@pytest.mark.parametrize("fault", ENDING)
def test_a_target_that_cannot_be_halted_is_named_and_delays_nobody(tmp_path: Path, fault: Fault) -> None:
    world = small_fleet()
    world.strike("halt", deployment("a3"), fault)

    async def main() -> HaltRecord:
        async with opened(world, tmp_path) as engine:
            record = await halt(engine)
            assert asyncio.get_running_loop().time() < 10
            return record

    record = run(main)
    assert record.verdict is Verdict.INCOMPLETE
    left = {t: s for t, s in states(record).items() if s is not TargetState.STOPPED}
    assert left == {deployment("a3"): ENDS_AS[fault]}
    assert {a.key.name for a in record.agents if a.state is not AgentState.STOPPED} == {"a3"}


def test_hanging_targets_delay_no_others_and_are_named(tmp_path: Path) -> None:
    world = small_fleet(6)
    world.strike("halt", deployment("a5"), *[Fault.HANG] * 10)
    world.strike("halt", role("a5"), *[Fault.HANG] * 10)

    async def main() -> HaltRecord:
        async with opened(world, tmp_path) as engine:
            return await halt(engine, timeout=20)

    record = run(main)
    assert record.verdict is Verdict.INCOMPLETE
    left = [t for t in record.targets if t.state is not TargetState.STOPPED]
    assert {str(t.target) for t in left} == {deployment("a5"), role("a5")}
    stopped = [t.stopped_at - record.header.invoked_at for t in record.targets if t.stopped_at]
    assert max(stopped) < timedelta(seconds=4)


@pytest.mark.parametrize("operation", ["open", "sight", "preflight", "observe"])
@pytest.mark.parametrize("fault", [Fault.HANG, Fault.INTERNAL, Fault.UNREACHABLE_BEFORE])
def test_a_broken_backend_keeps_no_other_from_being_halted(tmp_path: Path, operation: str, fault: Fault) -> None:
    world = small_fleet()
    world.strike(operation, "iam:prod", *[fault] * 500)

    async def main() -> HaltRecord:
        async with opened(world, tmp_path) as engine:
            return await halt(engine, timeout=60)

    record = run(main)
    found = states(record)
    assert all(found[deployment(f"a{n}")] is TargetState.STOPPED for n in range(4))
    if operation == "preflight":
        assert record.verdict is Verdict.STOPPED
    else:
        assert record.verdict is Verdict.INCOMPLETE
        assert "iam:prod" in " ".join([*(u.id for u in record.header.untouched), *record.warnings, *map(str, found)])


def test_an_answer_lost_after_it_was_applied_is_read_back(tmp_path: Path) -> None:
    world = small_fleet(1)
    world.strike("halt", deployment("a0"), Fault.UNREACHABLE_AFTER)

    async def main() -> HaltRecord:
        async with opened(world, tmp_path) as engine:
            return await halt(engine)

    record = run(main)
    assert record.verdict is Verdict.STOPPED
    assert [t.attempts for t in record.targets if str(t.target) == deployment("a0")] == [2]
    assert len([entry for entry in world.log if str(entry[2]) == deployment("a0")]) == 1


def test_what_changed_since_the_plan_is_captured_anew_and_comes_back_as_it_was_then(tmp_path: Path) -> None:
    world = small_fleet(1)

    async def main() -> None:
        async with opened(world, tmp_path) as engine:
            plan = await engine.plan(Scope.parse("agent:a0"))
            world.thing(deployment("a0")).set(7)
            record = await engine.halt(plan, invoker=INVOKER, reason="test")
            assert record.verdict is Verdict.STOPPED
            await restore(engine, record)

    run(main)
    assert world.state()[deployment("a0")][0] == 7


def test_a_target_deleted_meanwhile_is_stopped_only_once_its_processes_are(tmp_path: Path) -> None:
    world = small_fleet(1)
    world.thing(deployment("a0")).drains = 12.0
    world.strike("halt", deployment("a0"), Fault.GONE)

    async def main() -> HaltRecord:
        async with opened(world, tmp_path) as engine:
            return await halt(engine)

    record = run(main)
    assert record.verdict is Verdict.STOPPED
    assert_honest(world, record)
    assert record.elapsed(record.header.invoked_at) > 11


@pytest.mark.parametrize("after", [0.3, 3.0])
def test_a_target_revived_before_or_after_its_proof_is_halted_again(tmp_path: Path, after: float) -> None:
    world = small_fleet(2)
    thing = world.thing(deployment("a0"))
    world.thing(deployment("a1")).drains = 9.0  # keeps the halt under way

    async def main() -> HaltRecord:
        async with opened(world, tmp_path) as engine:
            asyncio.get_running_loop().call_later(after, thing.set, 5)
            return await halt(engine)

    record = run(main)
    assert record.verdict is Verdict.STOPPED
    assert_honest(world, record)
    assert thing.replicas == 0
