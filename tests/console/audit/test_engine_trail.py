"""The engine and its trail together: what is recorded when, and that a halt never waits for it."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path

import pytest

from engine_runs import INVOKER, deployment, small_fleet
from killswitch_backends.protocol import Order, Profile
from killswitch_console.audit.continuity import verify_directory
from killswitch_console.audit.volumes import TrailDirectory
from killswitch_console.halting.engine import Engine, open_engine
from killswitch_console.halting.events import EngineEvent, Warned
from killswitch_console.halting.record import HaltRecord
from killswitch_console.halting.recording import Recorder, RecordingNeeded, Warn
from killswitch_console.halting.verdict import Verdict
from killswitch_inventory.scopes import Scope
from killswitch_inventory.targets import TargetId
from scripted_platform import World
from trails import bodies, recording, verifier_of


@asynccontextmanager
async def engine_with_trail(
    world: World, tmp_path: Path, directory: TrailDirectory, heard: list[EngineEvent]
) -> AsyncIterator[Engine]:
    @asynccontextmanager
    async def opener(warn: Warn) -> AsyncIterator[Recorder]:
        said: list[str] = []
        async with recording(directory, said) as recorder:
            yield recorder
            for text in said:
                warn(text)

    settings = replace(world.settings(tmp_path / "state"), recorder=opener)
    async with open_engine(settings, heard.append) as engine:
        await engine.discover()
        yield engine


async def halted(engine: Engine, scope: str = "agent:a0") -> HaltRecord:
    plan = await engine.plan(Scope.parse(scope))
    return await engine.halt(plan, invoker=INVOKER, reason="runaway", incident="INC-1", timeout=20)


def a_world() -> World:
    world = small_fleet(1)
    for thing in world.things.values():
        thing.drains = 0.1
    return world


async def test_the_intent_is_in_the_trail_before_the_first_change_and_the_verdict_after(tmp_path: Path) -> None:
    world, directory = a_world(), TrailDirectory(tmp_path / "audit")
    intended: list[bool] = []

    def look(target: TargetId, order: Order) -> None:
        told = [b["data"] for b in bodies(directory) if b["kind"] == "halt.intent"]
        intended.append(any(str(target) in str(data) for data in told))

    world.before_change = look
    async with engine_with_trail(world, tmp_path, directory, []) as engine:
        await engine.recorder.require("test.ready", {})
        record = await halted(engine)
        assert record.verdict is Verdict.STOPPED
        await engine.restore(record.header.halt_id, invoker=INVOKER, reason="all clear", timeout=20)
    assert intended
    assert all(intended)
    kinds = [str(body["kind"]) for body in bodies(directory) if body["halt"] == record.header.halt_id]
    for first, then in (
        ("halt.confirmed", "halt.intent"), ("halt.intent", "target.call"), ("target.call", "target.state"),
        ("target.state", "halt.ended"), ("halt.ended", "restore.confirmed"), ("restore.confirmed", "restore.ended"),
    ):  # fmt: skip
        assert kinds.index(first) < kinds.index(then), kinds
    assert {body["incident"] for body in bodies(directory) if body["halt"]} == {"INC-1"}
    (report,) = verify_directory(directory, verifier_of(directory), {})
    assert report.findings == []


async def test_that_a_grace_is_cut_short_is_in_the_trail_before_it_is(tmp_path: Path) -> None:
    world, directory = a_world(), TrailDirectory(tmp_path / "audit")
    world.thing(deployment("a0")).drains = 60.0
    told: list[object] = []

    def look(target: TargetId, order: Order) -> None:
        if order.profile is Profile.FORCE:
            told.extend(b["data"]["targets"] for b in bodies(directory) if b["kind"] == "halt.escalating")

    world.before_change = look
    async with engine_with_trail(world, tmp_path, directory, []) as engine:
        await engine.recorder.require("test.ready", {})
        plan = await engine.plan(Scope.parse("agent:a0"))
        record = await engine.halt(plan, invoker=INVOKER, reason="runaway", timeout=1.0)
        await engine.escalate(record.header.halt_id, invoker=INVOKER)
    assert told == [[deployment("a0")]]


async def test_a_halt_goes_on_without_a_trail_and_says_so_and_a_restore_does_not(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    world, heard = a_world(), list[EngineEvent]()
    async with engine_with_trail(world, tmp_path, TrailDirectory(tmp_path / "file" / "audit"), heard) as engine:
        record = await halted(engine)
        assert record.verdict is Verdict.STOPPED
        before = list(world.log)
        with pytest.raises(RecordingNeeded):
            await engine.restore(record.header.halt_id, invoker=INVOKER, reason="all clear", timeout=20)
        assert world.log == before, "nothing was put back"
    assert any(isinstance(event, Warned) and "AUDIT TRAIL NOT WRITTEN" in event.text for event in heard)


async def test_a_halt_goes_on_while_another_process_holds_the_trail(tmp_path: Path) -> None:
    world, directory = a_world(), TrailDirectory(tmp_path / "audit")
    async with engine_with_trail(world, tmp_path, directory, []) as engine:
        await engine.recorder.require("test.ready", {})
        path = directory.current()
        assert path is not None
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            record = await halted(engine)
            other.execute("ROLLBACK")
        assert record.verdict is Verdict.STOPPED
        await engine.recorder.require("test.done", {})
    kinds = [body["kind"] for body in bodies(directory)]
    assert kinds.count("halt.confirmed") == kinds.count("halt.ended") == 1
    assert world.thing(deployment("a0")).running() == 0
    (report,) = verify_directory(directory, verifier_of(directory), {})
    assert report.findings == []
