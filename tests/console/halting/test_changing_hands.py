"""Whoever gets a halt's lease goes by what the one before left in the ledger, not by what was read before the wait."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine_runs import INVOKER, deployment, halt, holding, is_held, opened, restore, role, small_fleet, states, until
from killswitch_console.halting.approving import ApprovalNeeded
from killswitch_console.halting.engine import AlreadyRestored, Engine
from killswitch_console.halting.events import EngineEvent
from killswitch_console.halting.progress import TargetState
from killswitch_console.halting.verdict import Verdict
from killswitch_inventory.scopes import Scope, ScopeKind
from virtual_loop import run


def meanwhile(engine: Engine, monkeypatch: pytest.MonkeyPatch, happens: Callable[[], Awaitable[object]]) -> None:
    """Let something happen after an engine looked a halt up and before it has the lease: at its gate."""
    admit = engine.gate.admit

    async def slow(*args: Any, **named: Any) -> Any:
        await happens()
        return await admit(*args, **named)

    monkeypatch.setattr(engine.gate, "admit", slow)


def test_what_the_hold_took_in_meanwhile_is_in_the_halt_that_is_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, events = small_fleet(2), list[EngineEvent]()

    async def main() -> None:
        async with holding(world, tmp_path, events) as holder, opened(world, tmp_path) as other:
            record = await halt(holder)
            await until(lambda: is_held(events))

            async def appears() -> None:
                late = world.add(deployment("late"), agents=["late"], running=3)
                await until(lambda: late.replicas == 0)

            meanwhile(other, monkeypatch, appears)
            again = await other.resume(record.header.halt_id)
            assert states(again)[deployment("late")] is TargetState.STOPPED
            assert {key.name for key in again.header.newcomers} == {"late"}
            back = await restore(other, record)
            assert back.verdict is Verdict.RESTORED

    run(main)
    assert world.thing(deployment("late")).replicas == 3


def test_what_was_restored_meanwhile_is_not_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = small_fleet(2)
    before = world.state()

    async def main() -> None:
        async with opened(world, tmp_path) as one, opened(world, tmp_path) as other:
            record = await halt(one)
            meanwhile(other, monkeypatch, lambda: restore(one, record))
            with pytest.raises(AlreadyRestored):
                await other.resume(record.header.halt_id)

    run(main)
    assert world.state() == before


def test_one_approval_is_good_for_one_of_two_restores_at_once(tmp_path: Path) -> None:
    world = small_fleet(2)
    by_two = frozenset({ScopeKind.GLOBAL})
    second = replace(INVOKER, os_user="second", uid=1001)

    async def main() -> list[Any]:
        async with (
            opened(world, tmp_path, two_person=by_two) as one,
            opened(world, tmp_path, two_person=by_two) as other,
        ):
            record = await halt(one)
            await one.approve(record.header.halt_id, invoker=second)
            parts = [restore(each, record, only=Scope.parse(f"agent:a{n}")) for n, each in enumerate((one, other))]
            return await asyncio.gather(*parts, return_exceptions=True)

    done = run(main)
    assert sorted(type(each).__name__ for each in done) == [ApprovalNeeded.__name__, "HaltRecord"]
    halted = {number for number in range(2) if world.thing(role(f"a{number}")).replicas == 0}
    assert len(halted) == 1, "one part came back, the other did not"
