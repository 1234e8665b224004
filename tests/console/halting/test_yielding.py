"""A hold gives way to another bastion's restore, and to nothing that only looks like one."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from engine_runs import (
    deployment,
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
from killswitch_backends.restores import in_progress
from killswitch_console.halting.engine import Engine
from killswitch_console.halting.events import EngineEvent, HaltEnded, Reasserted, Revived, Warned
from killswitch_console.halting.progress import TargetState
from killswitch_console.halting.record import HaltRecord
from killswitch_console.halting.verdict import Verdict
from killswitch_inventory.scopes import Scope
from killswitch_inventory.sightings import HaltMark
from scripted_platform import Fault, World
from virtual_loop import START, now, run


async def held_here(engine: Engine, events: list[EngineEvent], world: World) -> HaltRecord:
    """A halt of everything, held, and everything proven."""
    record = await halt(engine)
    await until(lambda: is_held(events))
    await asyncio.sleep(5)
    assert record.verdict is Verdict.STOPPED
    del world
    return record


def test_a_restore_by_another_bastion_is_no_revival(tmp_path: Path) -> None:
    world, events = small_fleet(3), list[EngineEvent]()
    before = world.state()

    async def main() -> None:
        async with (
            holding(world, tmp_path / "here", events) as here,
            opened(world, tmp_path / "there", checked=False) as there,
        ):
            record = await held_here(here, events, world)
            back = await restore(there, record)
            assert (back.verdict, back.warnings) == (Verdict.RESTORED, ())
            await until(lambda: not is_held(events))
            assert not of(Revived, events)
            assert not of(Reasserted, events)
            known = await here.record(record.header.halt_id)
            assert (known.verdict, known.held) == (Verdict.RESTORED, False)
            assert known.restored_at is not None
            assert {"responder@bastion" in t.note for t in known.targets} == {True}
            assert of(HaltEnded, events)[-1].record.verdict is Verdict.RESTORED
            (told,) = of(Warned, events)
            assert "responder@bastion" in told.text
            assert "another console" in told.text
            await asyncio.sleep(30)

    run(main)
    assert world.state() == before, "nothing was halted again"


def test_a_part_that_another_bastion_restores_is_let_go_and_the_rest_is_held(tmp_path: Path) -> None:
    world, events = small_fleet(2), list[EngineEvent]()
    rest = world.thing(deployment("a1"))

    async def main() -> None:
        async with (
            holding(world, tmp_path / "here", events) as here,
            opened(world, tmp_path / "there", checked=False) as there,
        ):
            record = await held_here(here, events, world)
            await restore(there, record, only=Scope.parse("agent:a0"))
            await asyncio.sleep(5)
            assert is_held(events)
            rest.set(4)
            await until(lambda: bool(of(Reasserted, events)))
            known = await here.record(record.header.halt_id)
            assert states(known)[deployment("a0")] is TargetState.RESTORED
            assert world.thing(deployment("a0")).replicas == 1
            await until(lambda: rest.replicas == 0)
            (revived,) = of(Revived, events)
            assert revived.target == rest.target

    run(main)


def test_a_mark_that_is_merely_stripped_ends_no_hold(tmp_path: Path) -> None:
    world, events = small_fleet(1), list[EngineEvent]()
    before = world.state()
    thing = world.thing(deployment("a0"))

    async def main() -> None:
        async with holding(world, tmp_path, events) as here:
            record = await held_here(here, events, world)
            thing.carry(None)
            thing.set(1)  # exactly as it was before the halt
            await until(lambda: bool(of(Reasserted, events)))
            assert thing.replicas == 0
            assert thing.mark is not None
            assert thing.mark.halt_id == record.header.halt_id
            assert thing.mark.prior["replicas"] == 1
            assert len(of(Revived, events)) == 1
            await restore(here, record)

    run(main)
    assert world.state() == before


def test_a_revival_that_strips_the_mark_puts_no_false_prior_state_on_it(tmp_path: Path) -> None:
    world, events = small_fleet(1), list[EngineEvent]()
    before = world.state()
    thing = world.thing(deployment("a0"))

    async def main() -> None:
        async with (
            holding(world, tmp_path / "here", events) as here,
            opened(world, tmp_path / "there", checked=False) as there,
        ):
            record = await held_here(here, events, world)
            thing.carry(None)
            thing.set(7)
            await until(lambda: bool(of(Reasserted, events)))
            await asyncio.sleep(5)
            back = await restore(there, record)
            assert back.verdict is Verdict.RESTORED

    run(main)
    assert world.state() == before


def test_what_is_restored_otherwise_than_it_was_is_a_conflict_not_restored(tmp_path: Path) -> None:
    world, events = small_fleet(1), list[EngineEvent]()
    thing = world.thing(deployment("a0"))

    async def main() -> None:
        async with holding(world, tmp_path, events) as here:
            record = await held_here(here, events, world)
            assert thing.mark is not None
            thing.announce("eve@elsewhere", now())
            await asyncio.sleep(2)
            thing.carry(None)
            thing.set(9)
            await asyncio.sleep(5)
            known = await here.record(record.header.halt_id)
            (target,) = [t for t in known.targets if t.target == thing.target]
            assert target.state is TargetState.CONFLICT
            assert [(c.field, c.expected, c.found) for c in target.changes] == [("replicas", 1, 9)]
            assert "eve@elsewhere" in target.error
            assert known.held, "the other two are"

    run(main)


def test_a_restore_that_stops_takes_its_announcement_back_and_the_hold_goes_on(tmp_path: Path) -> None:
    world, events = small_fleet(2), list[EngineEvent]()
    world.strike("restore", role("a0"), Fault.REFUSED)
    late = world.thing(deployment("a1"))

    async def main() -> None:
        async with (
            holding(world, tmp_path / "here", events) as here,
            opened(world, tmp_path / "there", checked=False) as there,
        ):
            record = await held_here(here, events, world)
            back = await restore(there, record)
            assert back.verdict is Verdict.INCOMPLETE
            assert late.mark is not None
            assert late.mark.restorer == ""
            await asyncio.sleep(2)
            late.set(3)
            await until(lambda: bool(of(Reasserted, events)))
            assert late.replicas == 0

    run(main)


def test_where_a_restore_cannot_be_announced_it_says_so(tmp_path: Path) -> None:
    world = small_fleet(1)

    async def main() -> HaltRecord:
        async with (
            opened(world, tmp_path / "here", checked=False) as here,
            opened(world, tmp_path / "there", checked=False) as there,
        ):
            record = await halt(here)
            await asyncio.sleep(2)
            world.strike("announce", role("a0"), Fault.REFUSED)
            return await restore(there, record)

    back = run(main)
    assert back.verdict is Verdict.RESTORED
    (warning,) = back.warnings
    assert warning.startswith("1 targets could not be told")


@pytest.mark.parametrize(
    ("announced", "found", "counts"),
    [
        (None, None, False),
        (HaltMark("h", "a", "", "bob", START.isoformat()), None, True),
        (HaltMark("h", "a", "", "bob", (START - timedelta(minutes=16)).isoformat()), None, False),
        (HaltMark("h", "a", "", "bob", "soon"), None, False),
        (HaltMark("h", "a", "", "bob", "2027-01-15T08:00:00"), None, False),
        (HaltMark("h", "a", "", "bob", START.isoformat()), HaltMark("h", "a", ""), False),
        (None, HaltMark("h", "a", "", "bob", START.isoformat()), True),
    ],
)
def test_which_announcement_counts(announced: HaltMark | None, found: HaltMark | None, *, counts: bool) -> None:
    assert (in_progress(announced, found, START) is not None) is counts
