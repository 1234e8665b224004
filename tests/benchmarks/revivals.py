"""From a revival of a halted Deployment to the console's answer: halted again, and proven stopped again.

A controller sets the replicas back once for every agent of a held class, one after another, so that each revival is a
first one: what fights on gets a pause that doubles, which is meant (docs/holding.md).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

from benchmarks.cold_start import kubernetes_only
from benchmarks.measuring import Row, as_a_console
from killswitch_console.assembling import engine_settings
from killswitch_console.authority.invoker import current_invoker
from killswitch_console.config import load_configuration
from killswitch_console.halting.engine import open_engine
from killswitch_console.halting.events import EngineEvent, HoldChanged, Reasserted, TargetsMoved
from killswitch_console.halting.progress import TargetState
from killswitch_console.halting.verdict import Verdict
from killswitch_inventory.scopes import Scope
from killswitch_inventory.targets import TargetId
from reviving import scale
from simulated import Simulated, eventually, process

AGENTS = 60
REVIVALS = 20
APART = 0.5
"""Seconds between two of them."""

Times = dict[TargetId, float]
Note = Callable[[EngineEvent], None]


async def measure() -> list[Row]:
    asserted: Times = {}
    proven: Times = {}
    ready = asyncio.Event()

    def note(event: EngineEvent) -> None:
        match event:
            case HoldChanged(holding=True):
                ready.set()
            case Reasserted():
                asserted.setdefault(event.target, time.time())
            case TargetsMoved():
                for progress in event.targets:
                    if progress.target in asserted and progress.state is TargetState.STOPPED:
                        proven.setdefault(progress.target, time.time())

    async with process(agents=AGENTS, seed=1) as sim:
        revived = await _revived(sim, note, ready, proven)
    return [
        Row(f"a revival to its re-assertion ({REVIVALS} of them)", _after(revived, asserted), limit=1.0),
        Row("a revival to being proven stopped again", _after(revived, proven)),
    ]


def _after(began: Times, ended: Times) -> list[float]:
    return [ended[target] - at for target, at in began.items()]


async def _revived(sim: Simulated, note: Note, ready: asyncio.Event, proven: Times) -> Times:
    """When each of some halted targets was revived; all of them are stopped again on return."""
    with as_a_console() as publish:

        def told(event: EngineEvent) -> None:
            publish(event)
            note(event)

        async with open_engine(engine_settings(load_configuration(kubernetes_only(sim))), told) as engine:
            await engine.discover()
            plan = await engine.plan(Scope.parse("global"))
            holding = asyncio.create_task(engine.hold(), name="hold")
            record = await engine.halt(plan, invoker=current_invoker(), reason="bench")
            assert record.verdict is Verdict.STOPPED
            async with asyncio.timeout(30):
                await ready.wait()
            revived: Times = {}
            for target in [progress.target for progress in record.targets][:REVIVALS]:
                revived[target] = time.time()
                await asyncio.to_thread(scale, sim, target, 1)
                await asyncio.sleep(APART)
            await eventually(lambda: revived.keys() <= proven.keys(), within=60)
            holding.cancel()
            with suppress(asyncio.CancelledError):
                await holding
    return revived
