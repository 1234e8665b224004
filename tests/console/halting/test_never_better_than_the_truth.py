"""What could make a halt look better than it is: a write still on its way, and a watch that is lost."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from engine_runs import deployment, halt, holding, is_held, opened, small_fleet, until
from killswitch_console.cli.showing import print_halt
from killswitch_console.halting import board as boards
from killswitch_console.halting.board import Board
from killswitch_console.halting.document import moment
from killswitch_console.halting.events import EngineEvent
from killswitch_console.halting.lease import Holding, Work
from killswitch_console.halting.progress import TargetProgress
from killswitch_console.halting.record import HaltRecord
from killswitch_console.halting.verdict import Verdict, restore_verdict
from killswitch_inventory.targets import Layer, TargetId
from scripted_platform import Fault
from virtual_loop import run


class SlowLedger:
    """Keeps what was written, each write only after a while."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.written = seconds, set[TargetId]()

    async def save(self, halt_id: str, targets: list[TargetProgress]) -> None:
        await asyncio.sleep(self.seconds)
        self.written |= {t.target for t in targets}


def test_an_intent_whose_write_is_on_its_way_already_is_waited_for() -> None:
    targets = [
        TargetProgress(target=TargetId.parse(deployment(f"a{n}")), layer=Layer.PROCESS, agents=()) for n in range(3)
    ]

    async def main() -> None:
        ledger = SlowLedger(1.5)
        board = Board("halt-1", targets, ledger, lambda _: None)  # type: ignore[arg-type]
        flushing = asyncio.create_task(board.flush())
        await asyncio.sleep(0.1)
        await board.make_durable(targets)
        assert ledger.written == {t.target for t in targets}, "a change would have begun before its intent was on disk"
        await flushing

    run(main)


def test_a_write_that_hangs_holds_up_nobody_for_longer_than_one_write() -> None:
    targets = [
        TargetProgress(target=TargetId.parse(deployment(f"a{n}")), layer=Layer.PROCESS, agents=()) for n in range(3)
    ]

    async def main() -> None:
        board = Board("halt-1", targets, SlowLedger(1000.0), lambda _: None)  # type: ignore[arg-type]
        flushing = asyncio.create_task(board.flush())
        await asyncio.sleep(0.1)
        began = asyncio.get_running_loop().time()
        await board.make_durable(targets)
        assert asyncio.get_running_loop().time() - began <= boards.LEDGER_SECONDS
        assert any("ledger cannot be written" in text for text in board.warnings)
        await flushing

    run(main)


def test_what_an_observer_that_keeps_breaking_had_proven_is_not_stopped_any_more(tmp_path: Path) -> None:
    world, events = small_fleet(1), list[EngineEvent]()
    thing = world.thing(deployment("a0"))

    async def main() -> None:
        async with holding(world, tmp_path, events) as engine:
            record = await halt(engine)
            await until(lambda: is_held(events))
            await asyncio.sleep(5)
            assert (await engine.record(record.header.halt_id)).verdict is Verdict.STOPPED
            world.strike("observe", "kubernetes:prod", *[Fault.INTERNAL] * 60)
            world.strike("look", str(thing.target), Fault.INTERNAL)
            await asyncio.sleep(2)
            thing.set(2)
            await asyncio.sleep(20)
            held = await engine.record(record.header.halt_id)
            assert thing.running(), "nobody can see that it runs again"
            assert held.verdict is not Verdict.STOPPED
            await until(lambda: not thing.running(), within=120)
            await asyncio.sleep(5)
            assert (await engine.record(record.header.halt_id)).verdict is Verdict.STOPPED

    run(main)


def test_nothing_is_restored_where_nothing_was_put_back() -> None:
    assert restore_verdict([]) is Verdict.INCOMPLETE


def test_status_says_how_old_a_proof_is_that_nobody_looks_after(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def main() -> HaltRecord:
        async with opened(small_fleet(1), tmp_path) as engine:
            return await halt(engine)

    record = run(main)
    print_halt(record)
    assert f"as of: {moment(record.evidence_at)}" in capsys.readouterr().out
    print_halt(record, Holding(1, Work.HOLD))
    assert "as of:" not in capsys.readouterr().out
