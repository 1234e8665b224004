"""A platform that says nothing is not waited for: the halt goes on with what was last known of it, and says so."""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from engine_runs import halt, opened, small_fleet
from killswitch_backends.protocol import TellsAnswers
from killswitch_console.assembling import engine_settings
from killswitch_console.config import load_configuration
from killswitch_console.halting import sighting
from killswitch_console.halting.engine import open_engine
from killswitch_console.halting.progress import TargetState
from killswitch_console.halting.verdict import Verdict
from killswitch_inventory.scopes import Scope
from killswitch_inventory.sightedness import Sightedness
from scripted_platform import Fault, World
from simulated import Simulated, running
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


def move_cluster(sim: Simulated, port: int) -> None:
    """Let the kubeconfig name another port."""
    kubeconfig = Path(tomllib.loads(sim.config_path.read_text())["kubernetes"][0]["kubeconfig"])
    kubeconfig.write_text(kubeconfig.read_text().replace(sim.url.rpartition(":")[2], str(port)))


async def test_a_server_that_takes_connections_and_never_answers_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sighting, "SILENT_SECONDS", 1.0)
    async with running(agents=4, seed=1) as sim, mute() as port:
        settings = engine_settings(load_configuration(sim.config_path))
        async with open_engine(settings) as engine:
            await engine.discover()
            assert not engine.fleet.blind
        move_cluster(sim, port)
        async with open_engine(settings) as engine:
            await engine.discover()
            (view,) = engine.fleet.blind
            assert (view.ref.kind, view.sightedness) == ("kubernetes", Sightedness.STALE)
            assert "said nothing" in (view.problem or "")
            answering = [b for ref, b in engine.backends.items() if ref.kind != "kubernetes"]
            assert all(isinstance(b, TellsAnswers) and b.unanswered_since is None for b in answering)


@asynccontextmanager
async def mute() -> AsyncIterator[int]:
    """A port that takes connections, and never says anything."""
    gone = asyncio.Event()

    async def taken(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await gone.wait()
        writer.close()

    server = await asyncio.start_server(taken, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        gone.set()
        server.close()
