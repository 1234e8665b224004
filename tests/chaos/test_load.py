"""50,000 targets over four backends, halted globally, and put back; and what a process holds on to afterwards.

The 50,000 are scripted (``crowd.py``: every call of the backend protocol, 20 ms each, 32 at once on each backend): a
wire-protocol simulator of that size beside the console on two cores would measure itself, and Lambda alone allows 15
calls a second. What is real there: planning, engine, ledger, signed trail. The smaller fleet is the simulator, with the
real clients, connections and threads of all four SDKs (``test_rounds_on_the_simulator``).
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from crashing import settings as settings_of
from crowd import Crowd
from engine_runs import INVOKER
from footprint import Footprint, assert_flat, footprint
from killswitch_console.audit.continuity import verify_directory
from killswitch_console.audit.volumes import TrailDirectory
from killswitch_console.halting.engine import Engine, open_engine
from killswitch_console.halting.record import HaltRecord
from killswitch_console.halting.recording import Recorder, Warn
from killswitch_console.halting.threads import THREADS
from killswitch_console.halting.verdict import Verdict
from killswitch_inventory.scopes import Scope
from scripted_platform import durable_intent
from simulated import process
from trails import recording, verifier_of
from virtual_loop import now

PER_BACKEND = int(os.environ.get("KILLSWITCH_LOAD", "12500"))
"""Targets on each of the four backends."""

CHECKED_EVERY = 100
"""Of so many changes, one is checked against the ledger on disk: was its intent there before it?"""


@pytest.mark.chaos
async def test_fifty_thousand_targets_halted_globally_and_put_back(tmp_path: Path) -> None:
    crowd = Crowd(parallel=32)
    crowd.fill(per_backend=PER_BACKEND)
    before = crowd.state()
    check_some_intents(crowd, tmp_path / "state")
    directory = TrailDirectory(tmp_path / "audit")
    at_rest: list[Footprint] = []
    for _ in range(2):
        async with engine_on(crowd, tmp_path / "state", directory) as engine:
            await halt_and_restore(crowd, engine)
        assert crowd.state() == before
        crowd.forget()
        at_rest.append(footprint())
        print(f"at rest again: {at_rest[-1]}")
    assert_flat(*at_rest, objects=5_000, megabytes=8, threads=THREADS)
    (report,) = verify_directory(directory, verifier_of(directory), {})
    assert not report.findings
    print(f"the trail verifies: {report.size:,} events")


async def halt_and_restore(crowd: Crowd, engine: Engine) -> None:
    clock = time.perf_counter
    began = clock()
    plan = await engine.plan(Scope.parse("global"))
    planned = clock() - began
    assert Counter(t.target.backend.kind for t in plan.targets) == dict.fromkeys(
        ("kubernetes", "lambda", "iam", "launchdarkly"), PER_BACKEND
    )
    async with longest_turn() as turns:
        record = await engine.halt(plan, invoker=INVOKER, reason="load", accept_collateral=True)
    assert record.verdict is Verdict.STOPPED
    assert record.slo_met(now())
    assert not record.warnings, record.warnings
    for target in record.targets:
        assert target.evidence is not None
        assert crowd.things[target.target].running(target.evidence.at) == 0
    assert_most_dangerous_first(crowd)
    accepted, stopped = seconds(record)
    print(
        f"{len(record.targets):,} targets: plan {planned:.1f} s, last accepted {accepted:.1f} s, last proven "
        f"{stopped:.1f} s, longest turn of the loop {max(turns) * 1000:.0f} ms; under way: {footprint()}"
    )
    restored = await engine.restore(record.header.halt_id, invoker=INVOKER, reason="over")
    assert restored.verdict is Verdict.RESTORED


def seconds(record: HaltRecord) -> tuple[float, float]:
    """From the confirmation until the last target was accepted, and until the last was proven stopped."""
    began = record.header.invoked_at
    accepted = [(t.accepted.at - began).total_seconds() for t in record.targets if t.accepted]
    stopped = [(t.stopped_at - began).total_seconds() for t in record.targets if t.stopped_at]
    assert len(accepted) == len(stopped) == len(record.targets)
    return max(accepted), max(stopped)


def assert_most_dangerous_first(crowd: Crowd) -> None:
    """On each backend, what ran most was asked for before what ran least: by the order in which calls came."""
    for ref in {target.backend for target in crowd.things}:
        marks = [crowd.things[target].mark for _, what, target in crowd.asked if target.backend == ref]
        ran = [mark.prior["replicas"] for mark in marks if mark]
        assert ran == sorted(ran, reverse=True), ref


def check_some_intents(crowd: Crowd, state_dir: Path) -> None:
    check, changes = durable_intent(crowd, state_dir), iter(range(10**9))

    def before_change(target: object, order: object) -> None:
        if next(changes) % CHECKED_EVERY == 0:
            check(target, order)  # type: ignore[arg-type]

    crowd.before_change = before_change


@asynccontextmanager
async def engine_on(crowd: Crowd, state_dir: Path, directory: TrailDirectory) -> AsyncIterator[Engine]:
    """An engine with a ledger and a signed trail, that has listed everything."""

    @asynccontextmanager
    async def opener(_: Warn) -> AsyncIterator[Recorder]:
        warned: list[str] = []
        async with recording(directory, warned) as recorder:
            yield recorder
        print(f"the trail fell down its ladder {len(warned)} times" if warned else "the trail was never late")

    settings = replace(crowd.settings(state_dir), recorder=opener)
    async with open_engine(settings, now=now) as engine:
        await engine.discover()
        yield engine


@asynccontextmanager
async def longest_turn() -> AsyncIterator[list[float]]:
    """How late a timer of this loop came, again and again: what a key press would have waited in it."""
    late = [0.0]

    async def look() -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.01)
            late.append(time.perf_counter() - began - 0.01)

    looking = asyncio.create_task(look(), name="longest turn")
    try:
        yield late
    finally:
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking


@pytest.mark.chaos
async def test_rounds_on_the_simulator(tmp_path: Path) -> None:
    """Real clients: connections, SDK threads and files of an engine are gone when it is closed, however often.

    The simulator is a process of its own: what it remembers of the past is no part of what an engine holds on to.
    """
    async with process(agents=24, seed=11) as sim:
        rounds: list[Footprint] = []
        for _ in range(4):
            async with open_engine(settings_of(sim.config_path)) as engine:
                await engine.discover()
                plan = await engine.plan(Scope.parse("global"))
                record = await engine.halt(plan, invoker=INVOKER, reason="load", accept_collateral=True)
                assert record.verdict is Verdict.STOPPED, [str(t) for t in record.targets if not t.stopped_at][:3]
                print(f"{len(record.targets)} targets, {seconds(record)}; under way: {footprint()}")
                restored = await engine.restore(record.header.halt_id, invoker=INVOKER, reason="over")
                assert restored.verdict is Verdict.RESTORED
            del engine, plan, record, restored
            await asyncio.sleep(1.0)  # daemon threads end
            rounds.append(footprint())
            print(f"at rest again: {rounds[-1]}")
    assert_flat(rounds[1], rounds[-1], objects=1_000, megabytes=2, threads=THREADS)
