"""``kill -9`` at random instants of halts, resumes, holds and restores: nothing is lost, everything can be put back.

After each: whoever goes on reaches the true verdict, and a restore gives a world equal to the one before in every field
as read over the platforms' own wire protocols; and the audit trail verifies.
"""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

import crashing
from console_command import console
from killswitch_backends.protocol import Grade
from killswitch_console.halting.progress import TargetState
from killswitch_console.halting.record import HaltRecord
from killswitch_console.halting.verdict import Verdict
from killswitch_inventory.targets import Layer
from simulated import Simulated, eventually, process
from worldview import View, difference, worldview

AGENTS = 4
LONGEST = 6.0
"""Seconds from confirmation within which a halt of this world comes to its end."""


@pytest.mark.long
async def test_kills_at_4_instants() -> None:
    assert await kill_worlds(range(2), times=2) == 4


@pytest.mark.chaos
@pytest.mark.long
async def test_kills_at_200_instants() -> None:
    assert await kill_worlds(range(100, 108), times=25) == 200


async def kill_worlds(seeds: range, *, times: int) -> int:
    """Several worlds beside each other, since a halt mostly waits; how many were killed, finished and restored."""
    async with asyncio.TaskGroup() as group:
        worlds = [group.create_task(kill_again_and_again(seed, times), name=f"world {seed}") for seed in seeds]
    return sum(world.result() for world in worlds)


async def kill_again_and_again(seed: int, times: int) -> int:
    rng = random.Random(seed)
    async with process(agents=AGENTS, seed=seed) as sim:
        before = await asyncio.to_thread(worldview, sim)
        for _ in range(times):
            await sim.all_acting(within=30)
            await kill_once(sim, rng, before)
        verified = await console(sim.config_path, "audit", "verify")
        assert verified.returncode == 0, verified.stdout + verified.stderr
        return times


async def kill_once(sim: Simulated, rng: random.Random, before: View) -> None:
    """One halt that is killed, finished by resume or hold, and restored, each of which may be killed too."""
    config = sim.config_path
    known = set(crashing.halt_ids(config))
    await killed(rng, "halt", config, scope_of(sim, rng))
    new = [halt_id for halt_id in crashing.halt_ids(config) if halt_id not in known]
    if not new:
        assert not difference(before, await asyncio.to_thread(worldview, sim)), "changed without a record"
        return
    (halt_id,) = new
    for work in rng.choice([["resume"], ["hold"], ["resume", "hold"]])[:-1]:
        await killed(rng, work, config, halt_id)
    assert await crashing.start(rng.choice(["resume", "hold"]), config, halt_id).end() == 0
    assert_true(sim, await crashing.record_of(config, halt_id))
    if rng.random() < 0.7:
        await killed(rng, "restore", config, halt_id)
    if (await crashing.record_of(config, halt_id)).restoring is not None and rng.random() < 0.4:
        assert await crashing.start("resume what is left of", config, halt_id).end() == 0, await told(config, halt_id)
        assert_known(await crashing.record_of(config, halt_id))
    if (await crashing.record_of(config, halt_id)).verdict is not Verdict.RESTORED:
        assert await crashing.start("restore", config, halt_id).end() == 0, await told(config, halt_id)
    await eventually(lambda: not difference(before, worldview(sim)), within=15, every=0.5)
    assert not (await crashing.record_of(config, halt_id)).held


async def killed(rng: random.Random, work: str, config: Path, word: str) -> None:
    """Start some work and kill it a while after it began; most often early, where most happens."""
    child = crashing.start(work, config, word)
    await child.confirmed()
    await asyncio.sleep(rng.choice([rng.uniform(0, 0.1), rng.uniform(0, 0.8), rng.uniform(0, LONGEST)]))
    child.kill()
    await child.end()


def scope_of(sim: Simulated, rng: random.Random) -> str:
    one = rng.choice(sim.specs)
    return rng.choice([f"agent:{one.name}", f"class:{one.agent_class}", "global", "global"])


def assert_true(sim: Simulated, record: HaltRecord) -> None:
    """The verdict holds, and no agent acted after what was proven of it."""
    assert record.verdict is Verdict.STOPPED
    for target in record.targets:
        assert target.state is TargetState.STOPPED
        assert target.evidence is not None
        assert target.evidence.grade in (Grade.OBSERVED, Grade.BOUNDED)
        if target.layer is not Layer.CAPABILITY:
            for key in target.agents:
                last = sim.last_action(key.name)
                assert last is None or last <= target.evidence.at, f"{key} acted at {last} after {target.evidence}"


def assert_known(record: HaltRecord) -> None:
    """After a restore that was cut short and a resume: each target is back, or proven stopped and held.

    An agent of which a process or a credential is back and the rest is not, is not stopped, and neither is the halt.
    """
    assert record.restoring is None
    for target in record.targets:
        assert target.state in (TargetState.RESTORED, TargetState.STOPPED)
        assert target.kept is (target.state is TargetState.STOPPED)
    left = {key for t in record.targets if t.state is TargetState.STOPPED for key in t.agents}
    acting = {
        key
        for t in record.targets
        if t.state is TargetState.RESTORED and t.layer is not Layer.CAPABILITY
        for key in t.agents
    }
    if left:
        assert record.verdict is (Verdict.INCOMPLETE if left & acting else Verdict.STOPPED)


async def told(config: Path, halt_id: str) -> str:
    record = await crashing.record_of(config, halt_id)
    return "; ".join(f"{t.target} {t.state} {t.error}" for t in record.targets if t.state is not TargetState.RESTORED)
