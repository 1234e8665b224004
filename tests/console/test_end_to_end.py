"""The main job on the simulator: halt each kind of scope, prove it, compare with the truth, restore, compare the world.

Twenty seeds with ``make chaos``, two of them in every ``make test``: by the truth endpoint no halted agent acts after
its evidence, agents outside go on acting, and a restore leaves no difference in any field.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from killswitch_backends.protocol import Grade
from killswitch_console.assembling import engine_settings
from killswitch_console.authority.invoker import current_invoker
from killswitch_console.config import load_configuration
from killswitch_console.halting.engine import Engine, EngineSettings, open_engine
from killswitch_console.halting.plan import Plan
from killswitch_console.halting.progress import TargetState
from killswitch_console.halting.record import HaltRecord
from killswitch_console.halting.verdict import Verdict
from killswitch_inventory.scopes import Scope
from killswitch_inventory.targets import Layer
from simulated import Simulated, eventually, running
from worldview import difference, worldview

AGENTS = 8
SCOPES = ("agent", "tenant", "class", "global")

REASON = "end to end test"


@pytest.mark.long
async def test_what_is_called_stopped_has_stopped_and_restore_is_exact() -> None:
    assert await halted_scopes(range(1, 3)) == [(seed, scope) for seed in range(1, 3) for scope in SCOPES]


@pytest.mark.chaos
@pytest.mark.parametrize("seeds", [range(1, 11), range(11, 21)], ids=str)
async def test_it_is_so_for_twenty_fleets(seeds: range) -> None:
    assert await halted_scopes(seeds) == [(seed, scope) for seed in seeds for scope in SCOPES]


async def halted_scopes(seeds: range) -> list[tuple[int, str]]:
    """Halt and restore each kind of scope in a world of each seed; which were. A halt mostly waits, so side by side."""
    done: list[tuple[int, str]] = []
    async with asyncio.TaskGroup() as group:
        for seed in seeds:
            group.create_task(halt_every_scope(seed, done), name=f"seed {seed}")
    return sorted(done, key=lambda one: (one[0], SCOPES.index(one[1])))


async def halt_every_scope(seed: int, done: list[tuple[int, str]]) -> None:
    async with running(agents=AGENTS, seed=seed) as sim, open_engine(settings(sim.config_path)) as engine:
        await engine.discover()
        assert engine.fleet.blind == (), engine.fleet.blind
        one = sim.specs[seed % AGENTS]
        for text in (f"agent:{one.name}", f"tenant:{one.tenant}", f"class:{one.agent_class}", "global"):
            await halt_and_restore(sim, engine, Scope.parse(text))
            done.append((seed, text.partition(":")[0]))


async def halt_and_restore(sim: Simulated, engine: Engine, scope: Scope) -> None:
    await sim.all_acting()
    before = await asyncio.to_thread(worldview, sim)
    record = await engine.halt(await planned(engine, scope), invoker=current_invoker(), reason=REASON)
    assert_proven(record)
    inside = {key.name for key in record.header.agents}
    outside = [spec.name for spec in sim.specs if spec.name not in inside]
    if outside:
        await sim.all_acting(*outside)
    assert_truth(sim, record)

    restored = await engine.restore(record.header.halt_id, invoker=current_invoker(), reason=REASON)
    assert restored.verdict is Verdict.RESTORED, [(str(t.target), t.state, t.error) for t in restored.targets]
    await eventually(lambda: not difference(before, worldview(sim)), within=10, every=0.3)
    await sim.all_acting()


async def planned(engine: Engine, scope: Scope) -> Plan:
    """A plan with every platform in sight: of ten fleets at once, one may be too slow for a while, and says so."""
    async with asyncio.timeout(60):
        while (plan := await engine.plan(scope)).blind:  # noqa: ASYNC110  (there is nothing that tells)
            await asyncio.sleep(0.2)
    return plan


def assert_proven(record: HaltRecord) -> None:
    left = [(str(t.target), t.state, t.error, t.note) for t in record.targets if t.state is not TargetState.STOPPED]
    assert record.verdict is Verdict.STOPPED, (left, record.header.blinded, record.header.untouched, record.warnings)
    for target in record.targets:
        assert target.state is TargetState.STOPPED
        assert target.evidence is not None
        assert target.evidence.grade in (Grade.OBSERVED, Grade.BOUNDED)


def assert_truth(sim: Simulated, record: HaltRecord) -> None:
    """No halted agent acted after any evidence about its process or its credentials."""
    for target in record.targets:
        if target.layer is Layer.CAPABILITY:
            continue
        for key in target.agents:
            last = sim.last_action(key.name)
            assert target.evidence is not None
            proven = target.evidence.at
            assert last is None or last <= proven, f"{key} acted at {last}, but {target.target} was proven at {proven}"


def settings(config: Path) -> EngineSettings:
    return engine_settings(load_configuration(config))
