"""The engine against a platform that fails on command: what a halt claims, what it touches, what comes back."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine_runs import INVOKER, assert_honest, deployment, flag, halt, opened, restore, role, small_fleet, states
from killswitch_backends.protocol import Profile
from killswitch_console.halting.engine import (
    AlreadyRestored,
    CollateralNotAccepted,
    LedgerNeeded,
    WouldLockOut,
    open_engine,
)
from killswitch_console.halting.events import EngineEvent, HaltBegun
from killswitch_console.halting.ledger import LedgerError
from killswitch_console.halting.plan import Protection
from killswitch_console.halting.planning import EmptyScope
from killswitch_console.halting.progress import TargetState
from killswitch_console.halting.record import HaltRecord
from killswitch_console.halting.staging import OnFailure
from killswitch_console.halting.verdict import AgentState, Verdict
from killswitch_inventory.scopes import Scope
from killswitch_inventory.targets import Layer, TargetId
from scripted_platform import Fault, World, durable_intent
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
        if target.state is TargetState.RESTORED:
            assert after[str(target.target)] == before[str(target.target)]
        elif target.requested_at is not None:
            assert target.error, f"{target.target} is {target.state} and nobody says why"
    if back.verdict is Verdict.RESTORED:
        assert after == before


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
            world.things[TargetId.parse(deployment("a0"))].set(7)
            record = await engine.halt(plan, invoker=INVOKER, reason="test")
            assert record.verdict is Verdict.STOPPED
            await restore(engine, record)

    run(main)
    assert world.state()[deployment("a0")][0] == 7


def test_a_target_deleted_meanwhile_is_stopped_only_once_its_processes_are(tmp_path: Path) -> None:
    world = small_fleet(1)
    world.things[TargetId.parse(deployment("a0"))].drains = 12.0
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
    thing = world.things[TargetId.parse(deployment("a0"))]
    world.things[TargetId.parse(deployment("a1"))].drains = 9.0  # keeps the halt under way

    async def main() -> HaltRecord:
        async with opened(world, tmp_path) as engine:
            asyncio.get_running_loop().call_later(after, thing.set, 5)
            return await halt(engine)

    record = run(main)
    assert record.verdict is Verdict.STOPPED
    assert_honest(world, record)
    assert thing.replicas == 0


def test_already_off_stays_off_after_the_restore(tmp_path: Path) -> None:
    world = small_fleet(1)
    world.things[TargetId.parse(deployment("a0"))].set_up_off()

    async def main() -> None:
        async with opened(world, tmp_path) as engine:
            record = await halt(engine)
            assert record.verdict is Verdict.STOPPED
            assert (await restore(engine, record)).verdict is Verdict.RESTORED

    run(main)
    assert world.state()[deployment("a0")] == (0, False, None)


def test_most_dangerous_first(tmp_path: Path) -> None:
    world = World(parallel=1)
    for number in (3, 9, 1, 7):
        world.add(deployment(f"a{number}"), agents=[f"a{number}"], running=number)

    async def main() -> None:
        async with opened(world, tmp_path) as engine:
            await halt(engine)

    run(main)
    assert [target.path[-1] for _, _, target in world.log] == ["9", "7", "3", "1"]


def test_graceful_halts_flag_then_process_then_credential(tmp_path: Path) -> None:
    world = small_fleet(2)
    world.things[TargetId.parse(deployment("a1"))].drains = 8.0

    async def main() -> HaltRecord:
        async with opened(world, tmp_path) as engine:
            return await halt(engine, profile=Profile.GRACEFUL)

    record = run(main)
    at = {str(t.target): t for t in record.targets}
    assert record.verdict is Verdict.STOPPED
    for name in ("a0", "a1"):
        process, credential = at[deployment(name)], at[role(name)]
        assert process.requested_at is not None
        assert process.stopped_at is not None
        assert credential.requested_at is not None
        flags = [at[flag(n)].stopped_at for n in ("a0", "a1")]
        assert all(stopped is not None and stopped <= process.requested_at for stopped in flags)
        assert process.stopped_at <= credential.requested_at
    first, second = at[role("a0")].requested_at, at[deployment("a1")].stopped_at
    assert first is not None
    assert second is not None
    assert first < second, "each credential follows its own processes"


def test_graceful_denies_credentials_at_the_deadline_though_a_process_never_drains(tmp_path: Path) -> None:
    world = small_fleet(1)
    world.things[TargetId.parse(deployment("a0"))].drains = 1e6

    async def main() -> HaltRecord:
        async with opened(world, tmp_path) as engine:
            return await halt(engine, "agent:a0", profile=Profile.GRACEFUL)

    record = run(main)
    found = states(record)
    assert found[role("a0")] is TargetState.STOPPED
    assert found[deployment("a0")] is TargetState.DRAINING
    assert record.verdict is Verdict.INCOMPLETE


def test_protected_unsupported_and_locked_out_targets_are_left_and_named(tmp_path: Path) -> None:
    world = small_fleet(4)
    world.things[TargetId.parse(deployment("a1"))].unsupported = "a Job cannot be paused"
    world.things[TargetId.parse(role("a2"))].lockout = "the role you act as"
    before = world.state()

    async def main() -> HaltRecord:
        protection = Protection(frozenset({"a0"}), frozenset({flag("a3"), role("a2")}))
        async with opened(world, tmp_path, protection=protection) as engine:
            return await halt(engine)

    record = run(main)
    left = {deployment("a0"), role("a0"), flag("a0"), deployment("a1"), role("a2"), flag("a3")}
    assert {u.id for u in record.header.untouched} == left
    assert all(world.state()[target] == before[target] for target in left)
    assert record.verdict is Verdict.INCOMPLETE
    found = {a.key.name: a.state for a in record.agents}
    assert found == {
        "a0": AgentState.ACTING,
        "a1": AgentState.ACTING,
        "a2": AgentState.ACTING,
        "a3": AgentState.STOPPED,
    }


def test_without_a_process_layer_it_is_limited(tmp_path: Path) -> None:
    world = small_fleet(1)
    world.add(role("lonely"), agents=["lonely"])

    async def main() -> tuple[HaltRecord, HaltRecord]:
        async with opened(world, tmp_path) as engine:
            whole = await halt(engine)
            world.strike("halt", flag("a0"))
            return whole, await halt(engine, "agent:lonely")

    whole, lonely = run(main)
    assert whole.verdict is Verdict.LIMITED
    assert lonely.verdict is Verdict.LIMITED


@pytest.mark.parametrize(("kind", "expected"), [("iam", Verdict.INCOMPLETE), ("launchdarkly", Verdict.STOPPED)])
def test_only_a_platform_that_may_carry_proof_makes_a_halt_blind(tmp_path: Path, kind: str, expected: Verdict) -> None:
    world = small_fleet(1)
    world.strike("open", f"{kind}:prod", *[Fault.UNREACHABLE_BEFORE] * 50)

    async def main() -> HaltRecord:
        async with opened(world, tmp_path) as engine:
            return await halt(engine)

    record = run(main)
    assert record.verdict is expected
    assert f"{kind}:prod" in {u.id for u in record.header.untouched}


def test_a_halt_that_would_lock_the_operator_out_is_refused_whole(tmp_path: Path) -> None:
    world = small_fleet(2)
    world.things[TargetId.parse(role("a1"))].lockout = "the role you act as"

    async def main() -> None:
        async with opened(world, tmp_path) as engine:
            with pytest.raises(WouldLockOut, match="the role you act as"):
                await halt(engine)
            assert world.log == []

    run(main)


def test_shared_targets_are_collateral_and_refused(tmp_path: Path) -> None:
    world = small_fleet(1)
    world.add(role("shared"), agents=["a0", "outsider"])
    world.add(deployment("outsider"), agents=["outsider"])

    async def main() -> None:
        async with opened(world, tmp_path) as engine:
            plan = await engine.plan(Scope.parse("agent:a0"))
            with pytest.raises(CollateralNotAccepted, match="outsider"):
                await engine.halt(plan, invoker=INVOKER, reason="test")
            assert world.log == []
            assert await engine.records() == []
            with pytest.raises(EmptyScope):
                await engine.plan(Scope.parse("agent:nobody"))

    run(main)


class TestLedger:
    def test_a_halt_goes_on_without_one_and_a_restore_does_not(self, tmp_path: Path) -> None:
        world = small_fleet(2)
        blocked = tmp_path / "file"
        blocked.write_text("in the way")

        async def main() -> HaltRecord:
            async with opened(world, blocked, checked=False) as engine:
                record = await halt(engine)
                with pytest.raises(LedgerNeeded):
                    await restore(engine, record)
                return record

        record = run(main)
        assert record.verdict is Verdict.STOPPED
        assert any("no ledger" in warning for warning in record.warnings)

    def test_a_ledger_that_breaks_delays_nothing_and_restores_nothing(self, tmp_path: Path) -> None:
        world = small_fleet(4)

        async def main() -> None:
            async with opened(world, tmp_path, checked=False) as engine:
                assert engine.ledger is not None
                await engine.ledger._connection.execute("PRAGMA query_only = ON")  # as a disk that became read-only
                record = await halt(engine)
                assert record.verdict is Verdict.STOPPED
                assert any("ledger" in warning for warning in record.warnings)
                world.log.clear()
                await engine.ledger._connection.execute("PRAGMA query_only = OFF")
                second = await halt(engine)
                await engine.ledger._connection.execute("PRAGMA query_only = ON")
                with pytest.raises(LedgerError):
                    await restore(engine, second)
                assert world.log == []

        run(main)

    def test_a_ledger_locked_by_another_process_is_caught_up_with(self, tmp_path: Path) -> None:
        world = small_fleet(3)
        world.things[TargetId.parse(deployment("a0"))].drains = 40.0

        async def main() -> HaltRecord:
            async with opened(world, tmp_path, checked=False) as engine:
                assert engine.ledger is not None
                await engine.ledger._connection.execute("PRAGMA busy_timeout = 10")
                other = sqlite3.connect(tmp_path / "ledger.sqlite3", isolation_level=None)
                other.execute("BEGIN EXCLUSIVE")
                asyncio.get_running_loop().call_later(20, other.close)
                record = await halt(engine)
                assert any("locked" in warning for warning in record.warnings)
                known = await engine.record(record.header.halt_id)
                assert states(known) == states(record)
                assert known.ended_at is not None
                return record

        assert run(main).verdict is Verdict.STOPPED

    def test_hostile_text_in_a_prior_state_is_kept_exactly(self, tmp_path: Path) -> None:
        world = small_fleet(1)
        hostile = "half \ud800 \x1b[2J \u202e"

        async def main() -> None:
            async with opened(world, tmp_path) as engine:
                for thing in world.things.values():
                    thing.note = hostile
                record = await halt(engine)
                assert record.verdict is Verdict.STOPPED
                known = await engine.record(record.header.halt_id)
                assert {t.captured.prior["note"] for t in known.targets if t.captured} == {hostile}

        run(main)


@pytest.mark.parametrize("first_back", [0, 1])
def test_two_halts_over_one_target_hand_it_over_in_any_order(tmp_path: Path, first_back: int) -> None:
    world = small_fleet(2)
    world.add(role("shared"), agents=["a0", "a1"])
    before = world.state()

    async def main() -> None:
        async with opened(world, tmp_path) as engine:
            halts = [await halt(engine, "agent:a0"), await halt(engine, "agent:a1")]
            assert all(h.verdict is Verdict.STOPPED for h in halts)
            first, second = halts[first_back], halts[1 - first_back]
            released = await restore(engine, first)
            assert released.verdict is Verdict.INCOMPLETE
            left = [t for t in released.targets if t.state is not TargetState.RESTORED]
            assert [str(t.target) for t in left] == [role("shared")]
            assert second.header.halt_id in left[0].error
            assert not released.held
            assert world.things[TargetId.parse(role("shared"))].replicas == 0
            assert (await restore(engine, second)).verdict is Verdict.RESTORED
            assert world.state() == before
            assert (await engine.record(first.header.halt_id)).verdict is Verdict.RESTORED

    run(main)


def test_what_was_changed_during_the_halt_is_a_conflict_and_left_alone(tmp_path: Path) -> None:
    world = small_fleet(2)

    async def main() -> HaltRecord:
        async with opened(world, tmp_path) as engine:
            record = await halt(engine)
            world.things[TargetId.parse(deployment("a1"))].set(11)
            return await restore(engine, record)

    back = run(main)
    assert back.verdict is Verdict.INCOMPLETE
    assert states(back)[deployment("a1")] is TargetState.CONFLICT
    assert world.state()[deployment("a1")][0] == 11
    assert world.state()[deployment("a0")] == (1, False, None)


def test_a_credential_that_cannot_come_back_holds_up_nobody_else(tmp_path: Path) -> None:
    world = small_fleet(3)
    world.strike("restore", role("a0"), *[Fault.HANG] * 20)

    async def main() -> HaltRecord:
        async with opened(world, tmp_path) as engine:
            record = await halt(engine)
            began = asyncio.get_running_loop().time()
            back = await restore(engine, record, timeout=120, on_failure=OnFailure.CONTINUE)
            times = {str(t): at - began for at, op, t in world.log if op == "restore"}
            assert all(times[make("a1")] < 20 for make in (deployment, role, flag))
            assert times[deployment("a0")] < 20
            return back

    back = run(main)
    left = [t for t in back.targets if t.state is not TargetState.RESTORED]
    assert [str(t.target) for t in left] == [role("a0")]
    assert left[0].error


@pytest.mark.parametrize("moment", [0.0, 0.01, 0.021, 0.05, 0.3, 0.7, 1.1, 1.6])
@pytest.mark.parametrize("resumed", [True, False])
def test_an_engine_torn_down_in_mid_halt_loses_nothing(tmp_path: Path, moment: float, resumed: bool) -> None:
    world = small_fleet()
    world.strike("halt", role("a1"), Fault.UNREACHABLE_AFTER)
    before = world.state()
    seen: list[EngineEvent] = []

    async def torn() -> None:
        world.before_change = durable_intent(tmp_path)
        async with open_engine(world.settings(tmp_path), seen.append, now) as engine:
            await engine.discover()
            plan = await engine.plan(Scope.parse("global"))
            work = asyncio.create_task(engine.halt(plan, invoker=INVOKER, reason="test"))
            await asyncio.sleep(moment)
            work.cancel()
            with suppress(asyncio.CancelledError):
                await work

    async def after() -> None:
        async with opened(world, tmp_path) as engine:
            known = await engine.records()
            touched = {str(target) for _, _, target in world.log}
            assert bool(known) or not touched
            if not known:
                return
            (record,) = known
            assert record.held or not touched
            if resumed:
                record = await engine.resume(record.header.halt_id)
                assert record.verdict is Verdict.STOPPED
                assert_honest(world, record)
            assert (await restore(engine, record)).verdict is Verdict.RESTORED

    run(torn)
    began = [event for event in seen if isinstance(event, HaltBegun)]
    assert len(began) <= 1
    run(after)
    assert world.state() == before


def test_resume_believes_no_old_evidence(tmp_path: Path) -> None:
    world = small_fleet(2)

    async def first() -> str:
        async with opened(world, tmp_path) as engine:
            return (await halt(engine)).header.halt_id

    halt_id = run(first)
    thing = world.things[TargetId.parse(deployment("a1"))]
    thing.replicas, thing.history = 4, [(None, 4)]

    async def second() -> HaltRecord:
        async with opened(world, tmp_path) as engine:
            return await engine.resume(halt_id)

    record = run(second)
    assert record.verdict is Verdict.STOPPED
    assert thing.replicas == 0


def test_a_face_that_breaks_stops_nothing(tmp_path: Path) -> None:
    world = small_fleet(2)

    def gone(event: EngineEvent) -> None:
        raise OSError("the terminal is gone")

    async def main() -> HaltRecord:
        async with open_engine(world.settings(tmp_path), gone, now) as engine:
            await engine.discover()
            return await halt(engine)

    assert run(main).verdict is Verdict.STOPPED
