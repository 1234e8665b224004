"""What a halt takes and leaves, in which order, and what may be claimed of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine_runs import INVOKER, deployment, flag, halt, opened, restore, role, small_fleet, states
from killswitch_backends.protocol import Budget, Profile
from killswitch_console.halting.engine import (
    CollateralNotAccepted,
    WouldLockOut,
)
from killswitch_console.halting.plan import Protection
from killswitch_console.halting.planning import EmptyScope
from killswitch_console.halting.progress import TargetState
from killswitch_console.halting.record import HaltRecord
from killswitch_console.halting.verdict import AgentState, Verdict
from killswitch_inventory.scopes import Scope
from scripted_platform import Fault, World
from virtual_loop import run


def test_what_changed_since_the_plan_is_read_again_and_on_disk_before_it_is_halted(tmp_path: Path) -> None:
    world = small_fleet(2)

    async def main() -> HaltRecord:
        async with opened(world, tmp_path) as engine:
            plan = await engine.plan(Scope.parse("global"))
            world.thing(deployment("a1")).set(7)
            record = await engine.halt(plan, invoker=INVOKER, reason="test")
            await restore(engine, record)
            return record

    record = run(main)
    assert record.verdict is Verdict.STOPPED
    assert not [t.error for t in record.targets if t.error]
    assert world.thing(deployment("a1")).replicas == 7


def test_graceful_halts_flag_then_process_then_credential(tmp_path: Path) -> None:
    world = small_fleet(2)
    world.thing(deployment("a1")).drains = 8.0

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
    world.thing(deployment("a0")).drains = 1e6

    async def main() -> HaltRecord:
        async with opened(world, tmp_path) as engine:
            return await halt(engine, "agent:a0", profile=Profile.GRACEFUL)

    record = run(main)
    found = states(record)
    assert found[role("a0")] is TargetState.STOPPED
    assert found[deployment("a0")] is TargetState.DRAINING
    assert record.verdict is Verdict.INCOMPLETE


def test_most_dangerous_first(tmp_path: Path) -> None:
    world = World(budget=Budget(None, parallel=1))
    for number in (3, 9, 1, 7):
        world.add(deployment(f"a{number}"), agents=[f"a{number}"], running=number)

    async def main() -> None:
        async with opened(world, tmp_path) as engine:
            await halt(engine)

    run(main)
    assert [target.path[-1] for _, _, target in world.log] == ["9", "7", "3", "1"]


def test_protected_unsupported_and_locked_out_targets_are_left_and_named(tmp_path: Path) -> None:
    world = small_fleet(4)
    world.thing(deployment("a1")).unsupported = "a Job cannot be paused"
    world.thing(role("a2")).lockout = "the role you act as"
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
    world.thing(role("a1")).lockout = "the role you act as"

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


def test_already_off_stays_off_after_the_restore(tmp_path: Path) -> None:
    world = small_fleet(1)
    world.thing(deployment("a0")).set_up_off()

    async def main() -> None:
        async with opened(world, tmp_path) as engine:
            record = await halt(engine)
            assert record.verdict is Verdict.STOPPED
            assert (await restore(engine, record)).verdict is Verdict.RESTORED

    run(main)
    assert world.state()[deployment("a0")] == (0, False, None)
