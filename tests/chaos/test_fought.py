"""Something that revives a halted agent every second: halted again each time, never shown as stopped while it acts."""

from __future__ import annotations

import asyncio
import statistics
import time
from contextlib import suppress
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from crashing import settings
from killswitch_backends.simulator.seams import Runtime
from killswitch_console.authority.invoker import current_invoker
from killswitch_console.halting.engine import open_engine
from killswitch_console.halting.events import EngineEvent, Fight, HoldChanged, Reasserted, TargetsMoved
from killswitch_console.halting.progress import TargetProgress, TargetState
from killswitch_console.halting.verdict import Verdict
from killswitch_inventory.scopes import Scope
from killswitch_inventory.targets import TargetId
from reviving import scale
from simulated import Simulated, eventually, running

SEEN_WITHIN = 1.0
"""Seconds that a revival may take to be seen: a watch event under load."""

Sample = tuple[float, int, datetime | None]
"""When the truth was asked, what ran then, and when the agent last acted."""


async def test_a_controller_that_scales_back_for_a_few_seconds() -> None:
    assert await fight(seconds=8) == 8


@pytest.mark.chaos
async def test_a_controller_that_scales_back_for_a_minute() -> None:
    assert await fight(seconds=60) == 60


async def fight(seconds: int) -> int:
    """Revive an agent every second; how often it was, each time to no avail."""
    events: list[tuple[float, EngineEvent]] = []
    async with (
        running(agents=6, seed=1) as sim,
        open_engine(settings(sim.config_path), lambda event: events.append((time.time(), event))) as engine,
    ):
        await engine.discover()
        agent = sim.spec(Runtime.KUBERNETES).name
        plan = await engine.plan(Scope.parse(f"agent:{agent}"))
        (target,) = [t.target for t in plan.targets if t.target.backend.kind == "kubernetes"]
        holding = asyncio.create_task(engine.hold())
        record = await engine.halt(plan, invoker=current_invoker(), reason="fight")
        assert record.verdict is Verdict.STOPPED
        await eventually(lambda: any(isinstance(e, HoldChanged) and e.holding for _, e in events))
        scaled, samples = await scale_back(sim, target, agent, seconds)
        await eventually(lambda: last_state(events, target) is TargetState.STOPPED, within=30)
        holding.cancel()
        with suppress(asyncio.CancelledError):
            await holding
    assert_never_stopped_while_acting(events, target, samples)
    accepted = sorted(e.at.timestamp() for _, e in events if isinstance(e, Reasserted) and e.target == target)
    after = [min(a for a in accepted if a >= at) - at for at in scaled if any(a >= at for a in accepted)]
    print(f"{len(scaled)} revivals, {len(accepted)} re-assertions, median {statistics.median(after):.3f} s after")
    assert len(accepted) >= len(scaled) * 0.8
    assert statistics.median(after) < 1.0
    assert len([e for _, e in events if isinstance(e, Fight)]) == 1
    return len(scaled)


async def scale_back(sim: Simulated, target: TargetId, agent: str, seconds: int) -> tuple[list[float], list[Sample]]:
    """Revive it every second, and meanwhile ask the truth; when it was revived, and what was true."""
    scaled: list[float] = []
    samples: list[Sample] = []
    stop = asyncio.Event()

    async def look() -> None:
        while not stop.is_set():
            truth = (await asyncio.to_thread(sim.truth))[agent]
            last = truth["last_action_at"]
            samples.append((time.time(), truth["running"], datetime.fromisoformat(last) if last else None))
            await asyncio.sleep(0.05)

    looking = asyncio.create_task(look())
    for _ in range(seconds):
        scaled.append(time.time())
        await asyncio.to_thread(scale, sim, target, 2)
        await asyncio.sleep(1.0)
    await asyncio.sleep(2.0)
    stop.set()
    await looking
    return scaled, samples


def shown(events: list[tuple[float, EngineEvent]], target: TargetId) -> list[tuple[float, TargetProgress]]:
    return [(at, t) for at, e in events if isinstance(e, TargetsMoved) for t in e.targets if t.target == target]


def last_state(events: list[tuple[float, EngineEvent]], target: TargetId) -> TargetState:
    return shown(events, target)[-1][1].state


def assert_never_stopped_while_acting(
    events: list[tuple[float, EngineEvent]], target: TargetId, samples: list[Sample]
) -> None:
    """Whenever it ran, it was not shown as stopped for longer than a watch takes; no proof was of a moment it ran."""
    moves = shown(events, target)
    for (begun, progress), (ended, _) in pairwise([*moves, (time.time(), moves[-1][1])]):
        if progress.state is not TargetState.STOPPED:
            continue
        assert progress.evidence is not None
        proven = progress.evidence.at
        for (before, ran_before, _), (after, ran_after, last) in pairwise(samples):
            assert not (ran_before and ran_after and before <= proven.timestamp() <= after), (
                f"ran at its proof {proven}"
            )
            if begun + SEEN_WITHIN < before and after < ended - SEEN_WITHIN:
                assert not (ran_before and ran_after), f"shown as stopped, but {ran_after} run at {after}"
                assert last is None or last <= proven or last.timestamp() > after - SEEN_WITHIN
    assert datetime.now(UTC).timestamp() >= moves[-1][0]
