"""An engine that may only be looked at: nothing that changes anything can be reached through it, by any name."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from console.tui.driving import ALICE
from console.tui.scripted import settings, small_world
from killswitch_backends.protocol import Backend
from killswitch_console.halting.engine import Engine
from killswitch_console.halting.plan import Plan
from killswitch_console.halting.read_only import ENGINE, Looking, LookingBackend, ReadOnlyRefused
from killswitch_console.halting.thread import EngineThread
from killswitch_inventory.scopes import Scope
from scripted_platform import World

READS = {"discover", "plan", "record", "records", "foreign", "takes_two"}
"""Methods of an engine that change nothing on any platform, nor in the ledger."""


def test_every_method_of_an_engine_that_is_not_known_to_read_is_refused() -> None:
    methods = {name for name, _ in inspect.getmembers(Engine, callable) if not name.startswith("_")}
    assert methods > READS
    looking = Looking(object.__new__(Engine))
    for name in methods - READS:
        with pytest.raises(ReadOnlyRefused, match="read-only"):
            getattr(looking, name)
    assert not ENGINE.whole & (methods - READS)


def test_what_lies_behind_an_engine_is_refused_too() -> None:
    looking = Looking(object.__new__(Engine))
    for name in ("_sighter", "means", "_holder", "keeper", "notifier", "_publish"):
        with pytest.raises(ReadOnlyRefused):
            getattr(looking, name)
    assert ENGINE.parts["glass"].whole == {"opening"}
    assert ENGINE.parts["ledger"].whole == {"halt", "halts"}


async def _asked(thread: EngineThread, work: Callable[[Engine], Awaitable[object]]) -> object:
    return await asyncio.wrap_future(thread.submit(work, name="test"))


async def _plan(engine: Engine) -> Plan:
    await engine.discover()
    return await engine.plan(Scope.parse("class:refund"))


async def test_a_read_only_engine_plans_and_refuses_to_carry_out(tmp_path: Path) -> None:
    world = small_world()
    thread = EngineThread(settings(world, tmp_path), lambda _: None, read_only=True)
    await asyncio.to_thread(thread.start)
    try:
        plan = await _asked(thread, _plan)
        assert isinstance(plan, Plan)
        assert len(plan.targets) == 5
        for act in (
            lambda e: e.halt(plan, invoker=ALICE, reason="no", accept_collateral=True),
            lambda e: e.restore("h", invoker=ALICE, reason="no"),
            lambda e: e.resume("h"),
            lambda e: e.escalate("h", invoker=ALICE),
            lambda e: e.approve("h", invoker=ALICE),
            lambda e: e.break_glass(bytearray(b"x"), invoker=ALICE, reason="no"),
            lambda e: e.glass.seal("no"),
            lambda e: e.ledger.open("no"),
            lambda e: e.means.backends,
        ):
            with pytest.raises(ReadOnlyRefused):
                await _asked(thread, act)
        assert await _backends_refuse(thread, plan, world)
    finally:
        await asyncio.to_thread(thread.close)
    assert world.halted == []
    assert world.restored == []


async def _backends_refuse(thread: EngineThread, plan: Plan, world: World) -> bool:
    """Even a backend that was laid hands on changes nothing."""
    captured = plan.targets[0].captured

    async def lay_hands_on(engine: Engine) -> None:
        backend: Backend = engine.backends[plan.targets[0].target.backend]
        assert isinstance(backend, LookingBackend)
        await backend.halt(captured, None)

    with pytest.raises(ReadOnlyRefused, match="halting"):
        await _asked(thread, lay_hands_on)
    return world.halted == []
