"""What the ledger is for: a halt goes on without it; restores, two halts over one target, and crashes need it."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import suppress
from pathlib import Path

import pytest

from engine_runs import INVOKER, assert_honest, deployment, flag, halt, opened, restore, role, small_fleet, states
from killswitch_console.halting.engine import (
    LedgerNeeded,
    open_engine,
)
from killswitch_console.halting.events import EngineEvent, HaltBegun
from killswitch_console.halting.ledger import LedgerError
from killswitch_console.halting.progress import TargetState
from killswitch_console.halting.record import HaltRecord
from killswitch_console.halting.staging import OnFailure
from killswitch_console.halting.verdict import Verdict
from killswitch_inventory.scopes import Scope
from scripted_platform import Fault, durable_intent
from virtual_loop import now, run


class TestLedger:
    def test_a_halt_goes_on_without_one_and_a_restore_does_not(self, tmp_path: Path) -> None:
        world = small_fleet(2)
        blocked = tmp_path / "file"
        blocked.write_text("in the way")

        async def main() -> HaltRecord:
            async with opened(world, blocked, checked=False) as engine:
                record = await halt(engine)
                with pytest.raises(LedgerNeeded):
                    await restore(engine, record)
                return record

        record = run(main)
        assert record.verdict is Verdict.STOPPED
        assert any("no ledger" in warning for warning in record.warnings)

    def test_a_ledger_that_breaks_delays_nothing_and_restores_nothing(self, tmp_path: Path) -> None:
        world = small_fleet(4)

        async def main() -> None:
            async with opened(world, tmp_path, checked=False) as engine:
                assert engine.ledger is not None
                await engine.ledger._connection.execute("PRAGMA query_only = ON")  # as a disk that became read-only
                record = await halt(engine)
                assert record.verdict is Verdict.STOPPED
                assert any("ledger" in warning for warning in record.warnings)
                world.log.clear()
                await engine.ledger._connection.execute("PRAGMA query_only = OFF")
                second = await halt(engine)
                await engine.ledger._connection.execute("PRAGMA query_only = ON")
                with pytest.raises(LedgerError):
                    await restore(engine, second)
                assert world.log == []

        run(main)

    def test_a_ledger_locked_by_another_process_is_caught_up_with(self, tmp_path: Path) -> None:
        world = small_fleet(3)
        world.thing(deployment("a0")).drains = 40.0

        async def main() -> HaltRecord:
            async with opened(world, tmp_path, checked=False) as engine:
                assert engine.ledger is not None
                await engine.ledger._connection.execute("PRAGMA busy_timeout = 10")
                other = sqlite3.connect(tmp_path / "ledger.sqlite3", isolation_level=None)
                other.execute("BEGIN EXCLUSIVE")
                asyncio.get_running_loop().call_later(20, other.close)
                record = await halt(engine)
                assert any("locked" in warning for warning in record.warnings)
                known = await engine.record(record.header.halt_id)
                assert states(known) == states(record)
                assert known.ended_at is not None
                return record

        assert run(main).verdict is Verdict.STOPPED

    def test_hostile_text_in_a_prior_state_is_kept_exactly(self, tmp_path: Path) -> None:
        world = small_fleet(1)
        hostile = "half \ud800 \x1b[2J \u202e"

        async def main() -> None:
            async with opened(world, tmp_path) as engine:
                for thing in world.things.values():
                    thing.note = hostile
                record = await halt(engine)
                assert record.verdict is Verdict.STOPPED
                known = await engine.record(record.header.halt_id)
                assert {t.captured.prior["note"] for t in known.targets if t.captured} == {hostile}

        run(main)


@pytest.mark.parametrize("first_back", [0, 1])
def test_two_halts_over_one_target_hand_it_over_in_any_order(tmp_path: Path, first_back: int) -> None:
    world = small_fleet(2)
    world.add(role("shared"), agents=["a0", "a1"])
    before = world.state()

    async def main() -> None:
        async with opened(world, tmp_path) as engine:
            halts = [await halt(engine, "agent:a0"), await halt(engine, "agent:a1")]
            assert all(h.verdict is Verdict.STOPPED for h in halts)
            first, second = halts[first_back], halts[1 - first_back]
            released = await restore(engine, first)
            assert released.verdict is Verdict.INCOMPLETE
            left = [t for t in released.targets if t.state is not TargetState.RESTORED]
            assert [str(t.target) for t in left] == [role("shared")]
            assert second.header.halt_id in left[0].error
            assert not released.held
            assert world.thing(role("shared")).replicas == 0
            assert (await restore(engine, second)).verdict is Verdict.RESTORED
            assert world.state() == before
            assert (await engine.record(first.header.halt_id)).verdict is Verdict.RESTORED

    run(main)


def test_what_was_changed_during_the_halt_is_a_conflict_and_left_alone(tmp_path: Path) -> None:
    world = small_fleet(2)

    async def main() -> HaltRecord:
        async with opened(world, tmp_path) as engine:
            record = await halt(engine)
            world.thing(deployment("a1")).set(11)
            return await restore(engine, record)

    back = run(main)
    assert back.verdict is Verdict.INCOMPLETE
    assert states(back)[deployment("a1")] is TargetState.CONFLICT
    assert world.state()[deployment("a1")][0] == 11
    assert world.state()[deployment("a0")] == (1, False, None)


def test_a_credential_that_cannot_come_back_holds_up_nobody_else(tmp_path: Path) -> None:
    world = small_fleet(3)
    world.strike("restore", role("a0"), *[Fault.HANG] * 20)

    async def main() -> HaltRecord:
        async with opened(world, tmp_path) as engine:
            record = await halt(engine)
            began = asyncio.get_running_loop().time()
            back = await restore(engine, record, timeout=120, on_failure=OnFailure.CONTINUE)
            times = {str(t): at - began for at, op, t in world.log if op == "restore"}
            assert all(times[make("a1")] < 20 for make in (deployment, role, flag))
            assert times[deployment("a0")] < 20
            return back

    back = run(main)
    left = [t for t in back.targets if t.state is not TargetState.RESTORED]
    assert [str(t.target) for t in left] == [role("a0")]
    assert left[0].error


@pytest.mark.parametrize("moment", [0.0, 0.01, 0.021, 0.05, 0.3, 0.7, 1.1, 1.6])
@pytest.mark.parametrize("resumed", [True, False])
def test_an_engine_torn_down_in_mid_halt_loses_nothing(tmp_path: Path, moment: float, resumed: bool) -> None:
    world = small_fleet()
    world.strike("halt", role("a1"), Fault.UNREACHABLE_AFTER)
    before = world.state()
    seen: list[EngineEvent] = []

    async def torn() -> None:
        world.before_change = durable_intent(world, tmp_path)
        async with open_engine(world.settings(tmp_path), seen.append, now) as engine:
            await engine.discover()
            plan = await engine.plan(Scope.parse("global"))
            work = asyncio.create_task(engine.halt(plan, invoker=INVOKER, reason="test"))
            await asyncio.sleep(moment)
            work.cancel()
            with suppress(asyncio.CancelledError):
                await work

    async def after() -> None:
        async with opened(world, tmp_path) as engine:
            known = await engine.records()
            touched = {str(target) for _, _, target in world.log}
            assert bool(known) or not touched
            if not known:
                return
            (record,) = known
            assert record.held or not touched
            if resumed:
                record = await engine.resume(record.header.halt_id)
                assert record.verdict is Verdict.STOPPED
                assert_honest(world, record)
            assert (await restore(engine, record)).verdict is Verdict.RESTORED

    run(torn)
    began = [event for event in seen if isinstance(event, HaltBegun)]
    assert len(began) <= 1
    run(after)
    assert world.state() == before


def test_resume_believes_no_old_evidence(tmp_path: Path) -> None:
    world = small_fleet(2)

    async def first() -> str:
        async with opened(world, tmp_path) as engine:
            return (await halt(engine)).header.halt_id

    halt_id = run(first)
    thing = world.thing(deployment("a1"))
    thing.replicas, thing.history = 4, [(None, 4)]

    async def second() -> HaltRecord:
        async with opened(world, tmp_path) as engine:
            return await engine.resume(halt_id)

    record = run(second)
    assert record.verdict is Verdict.STOPPED
    assert thing.replicas == 0


def test_a_face_that_breaks_stops_nothing(tmp_path: Path) -> None:
    world = small_fleet(2)

    def gone(event: EngineEvent) -> None:
        raise OSError("the terminal is gone")

    async def main() -> HaltRecord:
        async with open_engine(world.settings(tmp_path), gone, now) as engine:
            await engine.discover()
            return await halt(engine)

    assert run(main).verdict is Verdict.STOPPED
