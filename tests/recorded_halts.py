"""Halts of a scripted world with a ledger and a signed trail on disk, and what the console said about these."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from engine_runs import halt, restore, small_fleet
from killswitch_console.audit.casting import Recording
from killswitch_console.audit.volumes import TrailDirectory
from killswitch_console.halting.engine import Engine, open_engine
from killswitch_console.halting.events import EngineEvent, Warned
from killswitch_console.halting.record import HaltRecord
from killswitch_console.halting.recording import Recorder, Warn
from killswitch_console.halting.verdict import Verdict
from scripted_platform import World
from trails import recording
from virtual_loop import now, run


def a_used_state(base: Path) -> Path:
    """A state directory, made by the console, in which a halt was made and a screen recorded."""
    state, world = base / "state", small_fleet(1)

    async def main() -> None:
        async with engine_on(world, state, state / "audit", []) as engine:
            assert (await halt(engine)).verdict is Verdict.STOPPED

    run(main)
    Recording(state / "audit/recordings/s.cast", columns=80, rows=24, version=2, scrub=str).close()
    return state


def halted_without(state: Path, audit: Path, *, refuses: type[Exception] | None) -> list[str]:
    """Halt all, proven; then a restore, which is refused (or not); everything that was said."""
    world, warned = small_fleet(2), list[str]()

    async def main() -> HaltRecord:
        async with engine_on(world, state, audit, warned) as engine:
            record = await halt(engine)
            if refuses is None:
                assert (await restore(engine, record)).verdict is Verdict.RESTORED
            else:
                with pytest.raises(refuses):
                    await restore(engine, record)
            return record

    assert run(main).verdict is Verdict.STOPPED
    if refuses is not None:
        assert all(thing.replicas == 0 for thing in world.things.values())
    return warned


@asynccontextmanager
async def engine_on(world: World, state: Path, audit: Path, warned: list[str]) -> AsyncIterator[Engine]:
    @asynccontextmanager
    async def opener(_: Warn) -> AsyncIterator[Recorder]:
        async with recording(TrailDirectory(audit), warned) as recorder:
            yield recorder

    def hear(event: EngineEvent) -> None:
        if isinstance(event, Warned):
            warned.append(event.text)

    async with open_engine(replace(world.settings(state), recorder=opener), hear, now) as engine:
        await engine.discover()
        yield engine
