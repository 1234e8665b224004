"""Key presses while 1,000 Deployments halt: from the key until the tree's cursor is where it leads, and painted."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable

from textual import events
from textual.pilot import Pilot

from benchmarks.cold_start import kubernetes_only
from benchmarks.confirm_key import until
from benchmarks.measuring import Row
from benchmarks.thousand_deployments import AGENTS, at_rest
from killswitch_backends.simulator.seams import Runtime
from killswitch_console.assembling import engine_settings
from killswitch_console.authority.invoker import current_invoker
from killswitch_console.config import load_configuration
from killswitch_console.halting.engine import Engine
from killswitch_console.halting.record import HaltRecord
from killswitch_console.halting.thread import EngineThread
from killswitch_console.halting.verdict import Verdict
from killswitch_console.standing import standing
from killswitch_console.tui.app import ConsoleApp
from killswitch_console.tui.state import ConsoleState
from killswitch_console.tui.widgets.fleet_tree import FleetTree
from killswitch_inventory.scopes import Scope
from simulated import process

EVERY = 0.05
"""Seconds between two keys: a person who holds one down."""


async def measure() -> list[Row]:
    async with process(agents=AGENTS, seed=1) as sim:
        count = sum(spec.runtime is Runtime.KUBERNETES for spec in sim.specs)
        settings = engine_settings(load_configuration(kubernetes_only(sim)))
        threads: list[EngineThread] = []

        def make_engine(publish: Callable[..., None]) -> EngineThread:
            threads.append(EngineThread(settings, standing(publish)))  # as running.py does
            return threads[0]

        app = ConsoleApp(ConsoleState("bench", current_invoker()), make_engine)
        await at_rest(sim)
        async with app.run_test(size=(120, 40)) as pilot:
            await until(pilot, lambda: len(app.state.fleet) >= count)
            await pilot.press("home", "enter")
            halting = threads[0].submit(_halt, name="bench")
            samples = await keys_until(app, pilot, halting.done)
        assert halting.result().verdict is Verdict.STOPPED
        await asyncio.to_thread(threads[0].close)
    slowest = sorted(samples)[-max(1, len(samples) // 20) :]
    return [
        Row(f"a key while {count} Deployments halt, painted ({len(samples)} keys)", samples, limit=0.1),
        Row("the slowest twentieth of them", slowest, limit=0.1),
    ]


async def _halt(engine: Engine) -> HaltRecord:
    plan = await engine.plan(Scope.parse("global"))
    return await engine.halt(plan, invoker=current_invoker(), reason="bench")


async def keys_until(app: ConsoleApp, pilot: Pilot[int], ended: Callable[[], bool]) -> list[float]:
    """Press down and up in turn until the halt has ended; seconds of each."""
    samples: list[float] = []
    for key in itertools.cycle(("down", "up")):
        if ended():
            return samples
        samples.append(await _press(app, key))
        await pilot.pause(EVERY)
    raise AssertionError("unreachable")


async def _press(app: ConsoleApp, key: str) -> float:
    tree = app.query_one(FleetTree)
    before = tree.node
    painted = asyncio.Event()
    began = time.perf_counter()
    app.post_message(events.Key(key, None))
    while tree.node == before:
        await asyncio.sleep(0.001)
        assert time.perf_counter() - began < 10, "the key was lost"
    app.call_after_refresh(painted.set)
    await painted.wait()
    return time.perf_counter() - began
