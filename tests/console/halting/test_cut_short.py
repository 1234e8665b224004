"""A restore whose process dies leaves everything in a known state: back, or halted and held again, and said so."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import suppress
from pathlib import Path

from engine_runs import (
    INVOKER,
    assert_honest,
    deployment,
    flag,
    halt,
    holding,
    is_held,
    of,
    opened,
    restore,
    role,
    small_fleet,
    states,
    until,
)
from killswitch_console.halting.document import halt_document
from killswitch_console.halting.engine import Engine
from killswitch_console.halting.events import EngineEvent, Reasserted, Revived, Warned
from killswitch_console.halting.progress import TargetState
from killswitch_console.halting.record import HaltRecord
from killswitch_console.halting.verdict import Verdict
from killswitch_inventory.targets import TargetId
from scripted_platform import Fault, World
from virtual_loop import now, run

CANARY = "a0"


async def cut_short(world: World, state_dir: Path, *, saved: bool = True) -> HaltRecord:
    """A halt of three agents whose restore dies once the canary is back; ``saved``: and that was written down."""
    async with opened(world, state_dir / "dies") as engine:
        record = await halt(engine)
        world.strike("restore", role("a1"), Fault.HANG)
        world.strike("restore", role("a2"), Fault.HANG)
        thing = world.thing(deployment(CANARY))
        task = asyncio.create_task(restore(engine, record))
        await until(lambda: thing.replicas == 1)
        await asyncio.sleep(1.0 if saved else 0.0)
        await asyncio.to_thread(shutil.copytree, state_dir / "dies", state_dir / "after")
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    shutil.rmtree(state_dir / "after" / "leases", ignore_errors=True)
    return record


def test_what_was_not_put_back_is_held_again_and_what_was_stays(tmp_path: Path) -> None:
    world, events = small_fleet(3), list[EngineEvent]()
    before = world.state()
    rest = world.thing(deployment("a2"))

    async def main() -> None:
        record = await cut_short(world, tmp_path)
        async with holding(world, tmp_path / "after", events) as engine:
            known = await engine.record(record.header.halt_id)
            await until(lambda: is_held(events))
            (said,) = [event.text for event in of(Warned, events) if "cut short" in event.text]
            assert INVOKER.os_user in said
            assert "held again" in said
            await asyncio.sleep(5)
            rest.set(2)
            await until(lambda: bool(of(Reasserted, events)))
            assert rest.replicas == 0
            assert [str(event.target) for event in of(Revived, events)] == [deployment("a2")]
            known = await engine.record(record.header.halt_id)
            assert known.restoring is None
            assert states(known)[deployment(CANARY)] is TargetState.RESTORED
            assert world.thing(deployment(CANARY)).replicas == 1
            assert (await restore(engine, record)).verdict is Verdict.RESTORED

    run(main)
    assert world.state() == before


def test_what_was_put_back_but_not_written_down_is_found_to_be_back(tmp_path: Path) -> None:
    world, events = small_fleet(3), list[EngineEvent]()
    before = world.state()

    async def main() -> None:
        record = await cut_short(world, tmp_path, saved=False)
        async with holding(world, tmp_path / "after", events) as engine:
            await until(lambda: is_held(events))
            await asyncio.sleep(5)
            assert not of(Revived, events)
            known = await engine.record(record.header.halt_id)
            assert states(known)[deployment(CANARY)] is TargetState.RESTORED
            assert (await restore(engine, record)).verdict is Verdict.RESTORED

    run(main)
    assert world.state() == before


async def half_restored(world: World, engine: Engine, record: HaltRecord, *, back: str, hangs: str) -> HaltRecord:
    """A halt that is resumed when its restore died between two targets of one agent."""
    world.strike("restore", hangs, Fault.HANG)
    restoring = asyncio.create_task(restore(engine, record))
    await until(lambda: world.thing(back).replicas == 1)
    await asyncio.sleep(1.0)
    restoring.cancel()
    with suppress(asyncio.CancelledError):
        await restoring
    return await engine.resume(record.header.halt_id, invoker=INVOKER)


def test_an_agent_of_which_a_part_is_back_is_not_stopped(tmp_path: Path) -> None:
    """One process target of two was put back before the restore died; a resume leaves it, and claims nothing of it."""
    world = World()
    world.add(deployment("a0"), agents=["a0"], running=1)
    world.add("lambda:prod/a0", agents=["a0"], running=1)
    before = world.state()

    async def main() -> None:
        async with opened(world, tmp_path) as engine:
            record = await halt(engine)
            assert record.verdict is Verdict.STOPPED
            resumed = await half_restored(world, engine, record, back="lambda:prod/a0", hangs=deployment("a0"))
            assert states(resumed)["lambda:prod/a0"] is TargetState.RESTORED
            assert states(resumed)[deployment("a0")] is TargetState.STOPPED
            assert resumed.verdict is Verdict.INCOMPLETE
            (agent,) = halt_document(resumed, now())["agents"]
            assert agent["state"] == "acting"
            assert agent["layers"] == {"process": "restored"}
            assert (await restore(engine, record)).verdict is Verdict.RESTORED

    run(main)
    assert world.state() == before


def test_a_halt_that_can_only_limit_claims_nothing_when_a_part_is_back(tmp_path: Path) -> None:
    """An agent without a process: its role is back, its flag is off still, which is not all that could be done."""
    world = World()
    world.add(role("a0"), agents=["a0"])
    world.add(flag("a0"), agents=["a0"])
    before = world.state()

    async def main() -> None:
        async with opened(world, tmp_path) as engine:
            record = await halt(engine)
            assert record.verdict is Verdict.LIMITED
            resumed = await half_restored(world, engine, record, back=role("a0"), hangs=flag("a0"))
            assert states(resumed) == {role("a0"): TargetState.RESTORED, flag("a0"): TargetState.STOPPED}
            assert resumed.verdict is Verdict.INCOMPLETE
            assert (await restore(engine, record)).verdict is Verdict.RESTORED

    run(main)
    assert world.state() == before


def test_resume_halts_all_that_is_not_back_and_says_so(tmp_path: Path) -> None:
    world = small_fleet(3)
    before = world.state()

    async def main() -> None:
        record = await cut_short(world, tmp_path)
        async with opened(world, tmp_path / "after") as engine:
            known = await engine.record(record.header.halt_id)
            said = halt_document(known, now())["restore_cut_short"]
            assert said["by"] == str(INVOKER)
            assert said["targets_back"] + said["targets_left"] == 9
            world.thing(deployment("a1")).set(3)
            resumed = await engine.resume(record.header.halt_id, invoker=INVOKER)
            assert halt_document(resumed, now())["restore_cut_short"] is None
            assert_honest(world, resumed)
            halted = {t.target for t in resumed.targets if t.state is TargetState.STOPPED}
            back = {t.target for t in resumed.targets if t.state is TargetState.RESTORED}
            assert len(halted) + len(back) == 9
            assert TargetId.parse(deployment("a1")) in halted
            assert (await restore(engine, record)).verdict is Verdict.RESTORED

    run(main)
    assert world.state() == before
