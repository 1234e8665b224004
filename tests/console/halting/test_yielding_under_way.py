"""A halt under way gives way to another bastion's restore of it, and to no mark that is stale or another halt's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from engine_runs import INVOKER, deployment, halt, holding, of, opened, role, small_fleet, states, until
from killswitch_console.halting.engine import Engine
from killswitch_console.halting.events import EngineEvent, Reasserted, Revived, Warned
from killswitch_console.halting.progress import TargetState
from killswitch_console.halting.record import HaltRecord
from killswitch_console.halting.verdict import Verdict
from killswitch_inventory.scopes import Scope
from scripted_platform import Mark, World
from virtual_loop import now, run


def slow_fleet() -> World:
    """One agent that takes two minutes to drain, so that the halt of all of them is under way for as long."""
    world = small_fleet(3)
    world.thing(deployment("a2")).drains = 120.0
    return world


def halted_times(world: World, target: str) -> int:
    return sum(what == "halt" and str(where) == target for _, what, where in world.log)


@asynccontextmanager
async def under_way(
    world: World, tmp_path: Path, events: list[EngineEvent]
) -> AsyncIterator[tuple[Engine, Engine, asyncio.Task[HaltRecord]]]:
    """A halt that waits for its last target, the engine that runs it, and one on another bastion."""
    async with (
        holding(world, tmp_path / "here", events) as here,
        opened(world, tmp_path / "there", checked=False) as there,
    ):
        running = asyncio.create_task(halt(here), name="the halt")
        await asyncio.sleep(10)
        assert not running.done()
        yield here, there, running


async def restore_seen(there: Engine, only: str | None = None) -> HaltRecord:
    """Restore what the marks show, as a person on the other bastion would."""
    (found,) = await there.foreign()
    part = Scope.parse(only) if only else None
    return await there.restore(found.halt_id, invoker=INVOKER, reason="false alarm", only=part)


def test_a_restore_by_another_bastion_is_not_fought_by_the_halt_under_way(tmp_path: Path) -> None:
    world, events = slow_fleet(), list[EngineEvent]()
    before = world.state()

    async def main() -> None:
        async with under_way(world, tmp_path, events) as (here, there, running):
            back = await restore_seen(there)
            assert back.verdict is Verdict.RESTORED
            record = await running
            assert (record.verdict, record.held) == (Verdict.RESTORED, False)
            assert not of(Revived, events)
            assert not of(Reasserted, events)
            (told,) = {warned.text for warned in of(Warned, events)}
            assert "responder@bastion" in told
            assert "from another console" in told
            assert {"from another console" in t.note for t in record.targets} == {True}
            await asyncio.sleep(30)
            known = await here.record(record.header.halt_id)
            assert (known.verdict, known.restored_at is not None) == (Verdict.RESTORED, True)
            assert known.warnings == (told,)

    run(main)
    assert world.state() == before, "nothing was halted again"
    assert {halted_times(world, str(target)) for target in world.things} == {1}


def test_the_part_that_another_bastion_restores_is_let_go_and_the_rest_is_halted(tmp_path: Path) -> None:
    world, events = slow_fleet(), list[EngineEvent]()

    async def main() -> None:
        async with under_way(world, tmp_path, events) as (_, there, running):
            await restore_seen(there, only="agent:a0")
            world.thing(deployment("a1")).set(4)  # nobody's restore
            record = await running
            assert states(record)[deployment("a0")] is TargetState.RESTORED
            assert {key.name for key in record.let_go} == {"a0"}
            assert states(record)[deployment("a1")] is TargetState.STOPPED
            assert states(record)[deployment("a2")] is TargetState.STOPPED
            assert [str(event.target) for event in of(Revived, events)] == [deployment("a1")]
            assert (world.thing(deployment("a0")).replicas, world.thing(deployment("a1")).replicas) == (1, 0)

    run(main)


def test_a_restore_elsewhere_that_dies_half_way_does_not_stop_the_halt_for_good(tmp_path: Path) -> None:
    world, events = slow_fleet(), list[EngineEvent]()
    one = world.thing(deployment("a0"))

    async def main() -> None:
        async with under_way(world, tmp_path, events) as (_, _there, running):
            assert one.mark is not None
            one.announce("eve@elsewhere", now())
            await asyncio.sleep(2)
            one.set(1)  # and its console is gone before it takes the mark off
            record = await running
            assert states(record)[deployment("a0")] is TargetState.UNKNOWN
            assert record.verdict is Verdict.INCOMPLETE
            await until(lambda: one.replicas == 0, within=20 * 60)

    run(main)


def test_an_announcement_of_another_halts_restore_does_not_count(tmp_path: Path) -> None:
    world, events = slow_fleet(), list[EngineEvent]()
    one = world.thing(role("a0"))

    async def main() -> None:
        async with under_way(world, tmp_path, events) as (_, _there, running):
            assert one.mark is not None
            one.carry(Mark("halt-of-old", one.mark.prior, "eve", now().isoformat(), "eve", now().isoformat()))
            await asyncio.sleep(2)
            one.carry(None)
            one.set(1)
            await until(lambda: one.replicas == 0)
            assert (await running).verdict is Verdict.STOPPED
            assert len(of(Reasserted, events)) == 1

    run(main)


def interrupted(tmp_path: Path, world: World, *, announced_after: bool) -> tuple[HaltRecord, int]:
    """A halt that is resumed while a restore was announced on one target, before or after that; what came of it."""
    one = world.thing(role("a0"))

    async def main() -> tuple[HaltRecord, int]:
        async with opened(world, tmp_path) as engine:
            first = await halt(engine, timeout=10)
            assert one.mark is not None
            if not announced_after:
                one.announce("eve@elsewhere", now())
                await asyncio.sleep(5)
            resumed = asyncio.create_task(engine.resume(first.header.halt_id), name="resume")
            await asyncio.sleep(5)
            if announced_after:
                one.announce("eve@elsewhere", now())
                await asyncio.sleep(2)
            one.carry(None)
            one.set(1)
            record = await resumed
            return record, one.replicas

    return run(main)


def test_a_restore_that_was_ordered_before_the_resume_counts_no_more(tmp_path: Path) -> None:
    world = slow_fleet()
    record, replicas = interrupted(tmp_path, world, announced_after=False)
    assert (record.verdict, replicas) == (Verdict.STOPPED, 0)


def test_a_restore_that_is_ordered_after_the_resume_is_given_way_to(tmp_path: Path) -> None:
    world = slow_fleet()
    record, replicas = interrupted(tmp_path, world, announced_after=True)
    assert states(record)[role("a0")] is TargetState.RESTORED
    assert replicas == 1
