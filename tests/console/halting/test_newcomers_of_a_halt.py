"""Who appears in the scope after the plan: halted with it, or the verdict is not ``stopped``."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from engine_runs import INVOKER, assert_honest, deployment, opened, restore, role, small_fleet
from killswitch_backends.protocol import Profile
from killswitch_console.halting.engine import Engine
from killswitch_console.halting.plan import Plan, Protection
from killswitch_console.halting.progress import TargetState
from killswitch_console.halting.record import HaltRecord
from killswitch_console.halting.verdict import Verdict
from killswitch_inventory.scopes import Scope
from killswitch_inventory.targets import TargetId
from scripted_platform import Fault, World
from virtual_loop import run


def slow_fleet() -> World:
    """One agent whose processes take ten seconds to end."""
    world = small_fleet(1)
    world.thing(deployment("a0")).drains = 10.0
    return world


def join(world: World) -> None:
    world.add(deployment("new"), agents=["new"])
    world.add(role("new"), agents=["new"])


async def confirm(plan: Plan, engine: Engine, timeout: float | None = None) -> HaltRecord:
    return await engine.halt(plan, invoker=INVOKER, reason="test", timeout=timeout)


@pytest.mark.parametrize("profile", Profile)
@pytest.mark.parametrize("after", [0.0, 1.5])
def test_who_appears_before_the_end_of_a_halt_is_halted_with_it(tmp_path: Path, after: float, profile: Profile) -> None:
    world = slow_fleet()

    async def main() -> HaltRecord:
        async with opened(world, tmp_path) as engine:
            plan = await engine.plan(Scope.parse("class:refund"), profile)
            if after:
                asyncio.get_running_loop().call_later(after, join, world)
            else:
                join(world)
                await asyncio.sleep(5)
            record = await confirm(plan, engine)
            assert_honest(world, record)
            assert world.thing(deployment("new")).running() == 0
            known = await engine.record(record.header.halt_id)
            assert known.header == record.header, "who is new is in the ledger, too"
            assert (await restore(engine, record)).verdict is Verdict.RESTORED
            return record

    record = run(main)
    assert record.verdict is Verdict.STOPPED
    assert {key.name for key in record.header.newcomers} == {"new"}
    assert world.thing(deployment("new")).replicas == 1


def test_who_is_new_and_cannot_be_halted_keeps_the_verdict_from_being_stopped(tmp_path: Path) -> None:
    world = slow_fleet()

    async def main() -> HaltRecord:
        async with opened(world, tmp_path, protection=Protection(frozenset({"new"}))) as engine:
            plan = await engine.plan(Scope.parse("class:refund"))
            asyncio.get_running_loop().call_later(2, join, world)
            return await confirm(plan, engine)

    record = run(main)
    assert world.thing(deployment("new")).replicas == 1
    assert record.verdict is Verdict.INCOMPLETE
    assert deployment("new") in {u.id for u in record.header.untouched}


def test_who_is_new_while_time_runs_out_keeps_the_verdict_from_being_stopped(tmp_path: Path) -> None:
    world = slow_fleet()

    async def main() -> HaltRecord:
        async with opened(world, tmp_path) as engine:
            plan = await engine.plan(Scope.parse("class:refund"))
            join(world)
            await asyncio.sleep(5)
            world.thing(deployment("new")).drains = 1000.0
            return await confirm(plan, engine, timeout=12.0)

    assert run(main).verdict is Verdict.INCOMPLETE


def test_who_waits_to_be_halted_when_time_runs_out_is_missed_by_the_ledger_too(tmp_path: Path) -> None:
    world = slow_fleet()

    def join_while_nobody_answers() -> None:
        world.faults["preflight", str(TargetId.parse(deployment("new")).backend)] = [Fault.HANG]
        join(world)

    async def main() -> HaltRecord:
        async with opened(world, tmp_path) as engine:
            plan = await engine.plan(Scope.parse("class:refund"))
            asyncio.get_running_loop().call_later(5, join_while_nobody_answers)
            record = await confirm(plan, engine, timeout=14.0)
            return await engine.record(record.header.halt_id)

    known = run(main)
    assert {target.state for target in known.targets} == {TargetState.STOPPED}
    assert known.verdict is Verdict.INCOMPLETE


def test_who_appears_outside_the_scope_is_let_be(tmp_path: Path) -> None:
    world = slow_fleet()

    async def main() -> HaltRecord:
        async with opened(world, tmp_path) as engine:
            plan = await engine.plan(Scope.parse("agent:a0"))
            asyncio.get_running_loop().call_later(2, join, world)
            return await confirm(plan, engine)

    record = run(main)
    assert record.verdict is Verdict.STOPPED
    assert record.header.newcomers == ()
    assert world.thing(deployment("new")).replicas == 1
