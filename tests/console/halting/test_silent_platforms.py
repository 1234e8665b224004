"""A platform that says nothing is not waited for: the halt goes on with what was last known of it, and says so."""

from __future__ import annotations

import asyncio
from pathlib import Path

from engine_runs import halt, opened, small_fleet
from killswitch_console.halting.engine import open_engine
from killswitch_console.halting.progress import TargetState
from killswitch_console.halting.verdict import Verdict
from killswitch_inventory.fleet import Sightedness
from killswitch_inventory.scopes import Scope
from scripted_platform import Fault, World
from virtual_loop import now, run


def silent(world: World) -> None:
    world.strike("sight", "kubernetes:prod", Fault.HANG)


def test_a_silent_platform_is_given_up_within_seconds_where_it_is_known(tmp_path: Path) -> None:
    world = small_fleet(2)

    async def main() -> float:
        async with opened(world, tmp_path):
            pass
        silent(world)
        begun = asyncio.get_running_loop().time()
        async with opened(world, tmp_path) as engine:
            took = asyncio.get_running_loop().time() - begun
            (view,) = engine.fleet.blind
            assert (str(view.ref), view.sightedness) == ("kubernetes:prod", Sightedness.STALE)
            assert "said nothing for 5 s" in (view.problem or "")
            assert len(engine.fleet.agents(Scope.parse("global"))) == 2
            record = await halt(engine)
            assert {t.state for t in record.targets} == {TargetState.STOPPED}, "each was read anew"
            assert len(record.targets) == 6
            assert record.verdict is Verdict.INCOMPLETE, "what is new there since was not seen"
        return took

    assert 5.0 <= run(main) < 6.0


def test_a_silent_platform_that_nobody_knows_is_given_more_time(tmp_path: Path) -> None:
    world = small_fleet(2)
    silent(world)

    async def main() -> float:
        async with open_engine(world.settings(tmp_path), now=now) as engine:
            await engine.discover()
            (view,) = engine.fleet.blind
            assert view.sightedness is Sightedness.FAILED
            return asyncio.get_running_loop().time()

    assert 15.0 <= run(main) < 16.0


def test_a_platform_that_keeps_talking_is_waited_for(tmp_path: Path) -> None:
    world = small_fleet(8)
    world.trickle = 4.0

    async def main() -> float:
        async with open_engine(world.settings(tmp_path), now=now) as engine:
            await engine.discover()
            assert not engine.fleet.blind
            return asyncio.get_running_loop().time()

    assert run(main) > 8 * 4.0


def test_it_is_not_waited_for_without_end(tmp_path: Path) -> None:
    world = small_fleet(8)
    world.trickle = 4.0

    async def main() -> float:
        async with open_engine(world.settings(tmp_path), now=now) as engine:
            await engine.discover(timeout=10.0)
            assert len(engine.fleet.blind) == 3
            return asyncio.get_running_loop().time()

    assert 10.0 <= run(main) < 11.0
