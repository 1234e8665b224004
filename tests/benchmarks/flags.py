"""Flags: from the patch to the off value at a separate SDK client, and 2,000 flags under a ten-second window."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from benchmarks.measuring import Row
from benchmarks.thousand_deployments import since_confirmation
from flag_fleets import flag_agents, flags_only
from killswitch_backends.protocol import Backend, Captured, Observation, Sight, Watch
from killswitch_backends.simulator.launchdarkly import LaunchDarklyFace
from killswitch_backends.simulator.server import Simulator
from killswitch_console.assembling import engine_settings
from killswitch_console.authority.invoker import current_invoker
from killswitch_console.config import load_configuration
from killswitch_console.halting.engine import open_engine
from killswitch_inventory.scopes import Scope
from launchdarkly_backend import opened, order, target
from launchdarkly_simulated import agent, serving
from simulated import running

ROUNDS = 40
FLAGS = 2000
PATCHES_A_WINDOW = 1200
"""Of ten seconds, as the simulated LaunchDarkly limits them; the vendor publishes no figure."""


async def measure() -> list[Row]:
    accepted, observed = await one_by_one()
    last_accepted, last_proven = await all_at_once()
    return [
        Row(f"one flag: patch to accepted ({ROUNDS} times)", accepted),
        Row("one flag: patch to off observed by a separate SDK client", observed, limit=1.0),
        Row(f"{FLAGS} flags, {PATCHES_A_WINDOW} patches a 10 s window: to the last accepted", [last_accepted]),
        Row(f"{FLAGS} flags: to the last proven, none lost", [last_proven]),
    ]


async def one_by_one() -> tuple[list[float], list[float]]:
    """Halt flags one after another while one client is connected, as in a console that is open."""
    accepted, observed = [], []
    specs = [agent(number) for number in range(ROUNDS)]
    async with serving(specs) as simulated, opened(simulated) as backend:
        watches: asyncio.Queue[Watch] = asyncio.Queue()
        seen: dict[str, asyncio.Future[float]] = {}
        watching = asyncio.create_task(watch(backend, watches, seen))
        for spec in specs:
            flag = str(spec.flag)
            [before] = [item async for item in backend.capture([target(flag)], fresh=True)]
            assert isinstance(before, Captured)
            seen[flag] = asyncio.get_running_loop().create_future()
            began = time.perf_counter()
            watches.put_nowait(Watch(before, await backend.halt(before, order())))
            accepted.append(time.perf_counter() - began)
            observed.append(await seen[flag] - began)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    return accepted, observed


async def watch(backend: Backend, watches: asyncio.Queue[Watch], seen: dict[str, asyncio.Future[float]]) -> None:
    async def coming() -> AsyncIterator[Watch]:
        while True:
            yield await watches.get()

    async for observation in backend.observe(coming()):
        note(observation, seen)


def note(observation: Observation, seen: dict[str, asyncio.Future[float]]) -> None:
    when = seen.get(observation.target.path)
    if observation.sight is Sight.STOPPED and when is not None and not when.done():
        when.set_result(time.perf_counter())


async def all_at_once() -> tuple[float, float]:
    """One halt of a class of 2,000 agents with a flag each, under the real window; asserts that none is lost."""

    def limit(world: Simulator) -> None:
        [face] = [face for face in world.faces if isinstance(face, LaunchDarklyFace)]
        face.limits.routes["launchdarkly.patch"] = PATCHES_A_WINDOW

    async with running(specs=flag_agents(FLAGS, tick=10.0)) as sim:
        sim.inside(limit)
        async with open_engine(engine_settings(load_configuration(flags_only(sim)))) as engine:
            await engine.discover()
            plan = await engine.plan(Scope.parse("class:refund"))
            record = await engine.halt(plan, invoker=current_invoker(), reason="bench")
            assert len(record.targets) == FLAGS
            return since_confirmation(record)
