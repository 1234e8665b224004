"""One process holds at a time: another follows, takes over, and tells of what was interrupted."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from engine_runs import (
    INVOKER,
    assert_honest,
    deployment,
    halt,
    holding,
    is_held,
    of,
    opened,
    restore,
    small_fleet,
    until,
)
from killswitch_console.halting.events import (
    EngineEvent,
    HaltEnded,
    OpenHalts,
    Reasserted,
    Revived,
    TargetsMoved,
)
from killswitch_console.halting.lease import HaltBusy, Leases, Work
from killswitch_console.halting.verdict import Verdict
from killswitch_inventory.scopes import Scope
from virtual_loop import run


def test_one_holds_the_other_follows_and_takes_over(tmp_path: Path) -> None:
    world = small_fleet(2)
    first, second = list[EngineEvent](), list[EngineEvent]()
    thing = world.thing(deployment("a1"))

    async def main() -> None:
        async with holding(world, tmp_path, second):
            async with holding(world, tmp_path, first) as engine:
                record = await halt(engine)
                await until(lambda: is_held(first) or is_held(second))
                assert not (is_held(first) and is_held(second))
                await until(lambda: bool(of(HaltEnded, second)))
                assert of(HaltEnded, second)[-1].record.header.halt_id == record.header.halt_id
                thing.set(2)
                await until(lambda: bool(of(Reasserted, [*first, *second])))
                await asyncio.sleep(3)
                assert len(of(Revived, [*first, *second])) == 1, "one process acts"
                moved = [t for e in of(TargetsMoved, first) for t in e.targets if t.revivals]
                assert moved, "both show it"
            await until(lambda: is_held(second))
            thing.set(4)
            await until(lambda: thing.replicas == 0)

    run(main)


def test_a_halt_under_way_is_not_resumed_beside_it_but_a_restore_ends_it(tmp_path: Path) -> None:
    world = small_fleet(2)
    world.thing(deployment("a1")).drains = 100.0
    before = world.state()

    async def main() -> None:
        async with opened(world, tmp_path) as one, opened(world, tmp_path) as other:
            halting = asyncio.create_task(halt(one))
            await asyncio.sleep(5)
            (known,) = await other.records()
            with pytest.raises(HaltBusy, match=r"halt\)"):
                await other.resume(known.header.halt_id)
            back = await restore(other, known)
            assert back.verdict is Verdict.RESTORED
            cut = await halting
            assert any("restore" in warning for warning in cut.warnings)

    run(main)
    assert {t: s[0] for t, s in world.state().items()} == {t: s[0] for t, s in before.items()}


def test_an_interrupted_halt_is_told_first_and_finished(tmp_path: Path) -> None:
    world, events = small_fleet(3), list[EngineEvent]()
    before = world.state()

    async def torn() -> None:
        async with opened(world, tmp_path) as engine:
            plan = await engine.plan(Scope.parse("global"))
            work = asyncio.create_task(engine.halt(plan, invoker=INVOKER, reason="test"))
            await asyncio.sleep(0.05)
            work.cancel()
            with suppress(asyncio.CancelledError):
                await work

    async def after() -> None:
        async with holding(world, tmp_path, events) as engine:
            await until(lambda: bool(of(HaltEnded, events)) and is_held(events))
            (told, *_) = of(OpenHalts, events)
            assert [record.ended_at for record in told.halts] == [None]
            record = await engine.record(told.halts[0].header.halt_id)
            assert record.verdict is Verdict.STOPPED
            assert_honest(world, record)
            assert (await restore(engine, record)).verdict is Verdict.RESTORED

    run(torn)
    run(after)
    assert world.state() == before


def test_one_at_a_time_and_whoever_wants_it_is_seen(tmp_path: Path) -> None:
    leases = Leases(tmp_path)

    async def main() -> None:
        lease = leases.take("h-1", Work.HOLD)
        assert lease is not None
        assert leases.take("h-1", Work.HALT) is None
        assert leases.take("h-2", Work.HALT) is not None
        assert lease.wanted_for() is None
        waiting = asyncio.create_task(leases.await_("h-1", Work.RESTORE, seconds=5))
        await until(lambda: lease.wanted_for() is Work.RESTORE)
        lease.release()
        taken = await waiting
        assert leases.holder("h-1") is not None
        with pytest.raises(HaltBusy, match=r"h-1: process \d+ is at work on it \(restore\)"):
            await leases.await_("h-1", Work.HALT, seconds=0.5)
        taken.release()
        assert leases.holder("h-1") is None

    run(main)


def test_a_state_directory_that_cannot_be_used_stops_no_halt(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    lease = Leases(blocked).take("h-1", Work.HALT)
    assert lease is not None
    assert lease.wanted_for() is None
    lease.release()
