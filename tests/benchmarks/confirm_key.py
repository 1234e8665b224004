"""From the key on the confirm button to the first platform request: the real app, engine thread, ledger and clients."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime

from textual.pilot import Pilot
from textual.widgets import Input

from benchmarks.cold_start import kubernetes_only
from benchmarks.measuring import Row
from killswitch_console.assembling import engine_settings
from killswitch_console.authority.invoker import current_invoker
from killswitch_console.config import load_configuration
from killswitch_console.halting.thread import EngineThread
from killswitch_console.tui.app import ConsoleApp
from killswitch_console.tui.screens.confirm import ConfirmDialog
from killswitch_console.tui.state import ConsoleState
from killswitch_inventory.scopes import Scope
from simulated import Simulated, process

ROUNDS = 15


async def measure() -> list[Row]:
    async with process(agents=2 * ROUNDS, seed=1) as sim:
        settings = engine_settings(load_configuration(kubernetes_only(sim)))
        threads: list[EngineThread] = []

        def make_engine(publish: Callable[..., None]) -> EngineThread:
            threads.append(EngineThread(settings, publish))
            return threads[0]

        app = ConsoleApp(ConsoleState("bench", current_invoker()), make_engine)
        agents = [spec.name for spec in sim.specs if spec.runtime == "kubernetes"][:ROUNDS]
        async with app.run_test(size=(120, 40)) as pilot:
            await until(pilot, lambda: len(app.state.fleet) >= len(agents))
            samples = [await key_to_request(sim, app, pilot, agent) for agent in agents]
        await asyncio.to_thread(threads[0].close)
    return [Row("key on the confirm button to the first platform request", samples, limit=0.05)]


async def key_to_request(sim: Simulated, app: ConsoleApp, pilot: Pilot[int], agent: str) -> float:
    """Open the plan of one agent, give a reason, confirm; seconds from the key to the PATCH as the server saw it."""
    await asyncio.to_thread(sim.forget_requests)
    app.open_plan(Scope.parse(f"agent:{agent}"))
    await until(pilot, lambda: bool(app.screen.query("#reason")))
    app.screen.query_one("#reason", Input).value = "bench"
    await pilot.pause(0.3)
    await pilot.press("ctrl+n")
    await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
    pressed = time.time()
    await pilot.press("y")
    while not (patches := await asyncio.to_thread(sim.requests, "kubernetes.patch*")):
        await pilot.pause(0.02)
    await pilot.pause(1.5)
    await pilot.press("escape")
    return min(datetime.fromisoformat(str(patch["at"])).timestamp() for patch in patches) - pressed


async def until(pilot: Pilot[int], condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "the app did not get there"
        await pilot.pause(0.02)
