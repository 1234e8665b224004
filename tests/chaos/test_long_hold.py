"""A day of holding, in virtual time: something is revived every few minutes, connections break, and nothing grows.

Real: engine, holder, leases, ledger, signed trail, all on disk. Scripted: the platforms (``crowd.py``) and the clock
(``virtual_loop.py``), which jumps to the next timer, so that every poll of the 24 hours is made. What the process
holds, and what is on disk, is taken every hour; two hours have no revivals at all.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import pytest

from crowd import Crowd
from engine_runs import INVOKER, until
from footprint import Footprint, assert_flat, footprint
from killswitch_console.audit.continuity import verify_directory
from killswitch_console.audit.reading import open_volume
from killswitch_console.audit.volumes import TrailDirectory
from killswitch_console.halting.engine import Engine, open_engine
from killswitch_console.halting.events import EngineEvent, HoldChanged, Reasserted, Revived, Warned
from killswitch_console.halting.recording import Recorder, Warn
from killswitch_console.halting.threads import THREADS
from killswitch_console.halting.verdict import Verdict
from killswitch_inventory.scopes import Scope
from killswitch_inventory.targets import TargetId
from trails import bodies, recording, verifier_of
from virtual_loop import now, run

HOUR = 3600.0

BETWEEN_REVIVALS = 240.0
"""Seconds between two revivals, on average, in an hour."""

BETWEEN_BREAKS = 1500.0
"""The same between two lost connections."""

QUIET = (12, 13)
"""Hours in which nothing is revived and no connection breaks."""

SEED = 11


@dataclass(slots=True)
class Heard:
    """What an engine told, counted: a list of all of it would be what grows."""

    kinds: Counter[str] = field(default_factory=Counter)
    revived: dict[tuple[TargetId, datetime], int] = field(default_factory=dict)
    slowest: float = 0.0
    """Seconds from seeing a revival to the platform taking the halt."""
    warnings: list[str] = field(default_factory=list)
    holding: bool = False

    def hear(self, event: EngineEvent) -> None:
        self.kinds[type(event).__name__] += 1
        match event:
            case Revived():
                self.revived[event.target, event.at] = 0
            case Reasserted():
                self.slowest = max(self.slowest, event.seconds)
            case Warned():
                self.warnings.append(event.text)
            case HoldChanged():
                self.holding = event.holding


@dataclass(frozen=True, slots=True)
class Hour:
    """What is held after an hour, in the process and on disk."""

    held: Footprint
    revivals: int
    ledger_bytes: int
    trail_events: int


@pytest.mark.chaos
def test_a_day_of_holding_with_revivals_grows_by_what_happened_and_by_nothing_else(tmp_path: Path) -> None:
    hours = a_hold(tmp_path, hours=24)
    assert_flat(hours[1].held, hours[-1].held, objects=6_000, megabytes=12, threads=THREADS)
    quiet, before = hours[QUIET[-1]], hours[QUIET[0] - 1]
    assert quiet.revivals == before.revivals
    assert quiet.trail_events == before.trail_events, "the trail grows with what happens, not with time"
    assert quiet.ledger_bytes == before.ledger_bytes, "the ledger grows with what happens, not with time"


def test_half_an_hour_of_holding_leaves_nothing_behind(tmp_path: Path) -> None:
    hours = a_hold(tmp_path, hours=3, hour=600.0)
    assert_flat(hours[0].held, hours[-1].held, objects=3_000, megabytes=12, threads=THREADS)


def a_hold(tmp_path: Path, *, hours: int, hour: float = HOUR) -> list[Hour]:
    """Halt 24 targets globally, hold them so long, put all back; what was held and kept at the end of each hour."""
    crowd, heard, chance = Crowd(parallel=4), Heard(), random.Random(SEED)
    crowd.fill(per_backend=6)
    before = crowd.state()
    directory = TrailDirectory(tmp_path / "audit")
    taken: list[Hour] = []

    async def main() -> None:
        async with held(crowd, tmp_path / "state", directory, heard) as engine:
            record = await engine.halt(await engine.plan(Scope.parse("global")), invoker=INVOKER, reason="a day")
            assert record.verdict is Verdict.STOPPED
            await until(lambda: heard.holding)
            for number in range(hours):
                end = asyncio.get_running_loop().time() + hour
                if hours <= max(QUIET) or number not in QUIET:
                    await trouble(crowd, chance, end - hour / 20, often=HOUR / hour)
                await asyncio.sleep(end - asyncio.get_running_loop().time())
                crowd.forget()
                taken.append(take(tmp_path, directory, heard))
                print(f"hour {number + 1}: {taken[-1].revivals} revivals, {taken[-1]}")
            ledger = engine.ledger
            assert ledger is not None
            kept = await ledger.revivals(record.header.halt_id)
            assert {(one.target, one.at) for one in kept} == set(heard.revived)
            assert all(one.reasserted_at is not None for one in kept)
            after = await engine.record(record.header.halt_id)
            assert after.verdict is Verdict.STOPPED
            assert after.revivals == len(kept)
            restored = await engine.restore(record.header.halt_id, invoker=INVOKER, reason="over")
            assert restored.verdict is Verdict.RESTORED

    run(main)
    assert crowd.state() == before
    assert heard.kinds["Reasserted"] == len(heard.revived) > hours
    (report,) = verify_directory(directory, verifier_of(directory), {})
    assert not report.findings
    told = Counter(body["kind"] for body in bodies(directory))
    assert told["target.revived"] == len(heard.revived), "each revival is in the trail, once"
    print(f"{len(heard.revived)} revivals, slowest re-assertion {heard.slowest:.2f} s; {report.size:,} events verified")
    return taken


async def trouble(crowd: Crowd, chance: random.Random, end: float, *, often: float) -> None:
    """Revive targets, and break connections, at random moments until then; ``often`` times as often as in an hour."""
    clock = asyncio.get_running_loop().time
    targets = list(crowd.things)

    def pause(mean: float) -> float:
        return chance.expovariate(often / mean)

    revive_at, break_at = clock() + pause(BETWEEN_REVIVALS), clock() + pause(BETWEEN_BREAKS)
    while (at := min(revive_at, break_at)) < end:
        await asyncio.sleep(at - clock())
        if at == revive_at:
            crowd.revive(chance.choice(targets), chance.randint(1, 5))
            revive_at = at + pause(BETWEEN_REVIVALS)
        else:
            crowd.close(str(chance.choice(targets).backend))
            break_at = at + pause(BETWEEN_BREAKS)


def take(tmp_path: Path, directory: TrailDirectory, heard: Heard) -> Hour:
    return Hour(
        held=footprint(),
        revivals=len(heard.revived),
        ledger_bytes=(tmp_path / "state" / "ledger.sqlite3").stat().st_size,
        trail_events=sum(map(events, directory.volumes())),
    )


def events(path: Path) -> int:
    """How many a volume holds; by its head, since reading them all would be what grows."""
    with open_volume(path) as volume:
        return volume.head().size


@asynccontextmanager
async def held(crowd: Crowd, state_dir: Path, directory: TrailDirectory, heard: Heard) -> AsyncIterator[Engine]:
    """An engine that holds, with a ledger and a signed trail, that has listed everything."""

    @asynccontextmanager
    async def opener(warn: Warn) -> AsyncIterator[Recorder]:
        async with recording(directory, heard.warnings) as recorder:
            yield recorder

    async with open_engine(replace(crowd.settings(state_dir), recorder=opener), heard.hear, now) as engine:
        await engine.discover()
        holding = asyncio.create_task(engine.hold(), name="holder")
        try:
            yield engine
        finally:
            holding.cancel()
            with suppress(asyncio.CancelledError):
                await holding
