"""What another process does to a halt is seen here as it is: what its hold must leave, and what was read before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from engine_runs import deployment, halt, opened, small_fleet
from killswitch_console.halting.engine import Engine
from killswitch_console.halting.events import Adopted, EngineEvent, OpenHalts, TargetsMoved
from killswitch_console.halting.following import Following
from killswitch_console.halting.plan import Untouched
from killswitch_console.halting.progress import TargetState
from killswitch_console.halting.record import HaltRecord
from killswitch_console.halting.verdict import Verdict
from killswitch_console.tui.halt_book import HaltBook
from killswitch_inventory.agents import AgentKey
from killswitch_inventory.targets import Layer
from virtual_loop import run


async def leave_a_newcomer(engine: Engine, record: HaltRecord) -> None:
    """What a hold in another process writes when it may not halt somebody new."""
    new = AgentKey("vip", "refund", "acme")
    left = Untouched(deployment("vip"), (new,), "protected", Layer.PROCESS)
    header = replace(record.header, agents=(*record.header.agents, new), newcomers=(new,), untouched=(left,))
    assert engine.ledger is not None
    await engine.ledger.extend(header, ())


async def write_a_revival(engine: Engine, record: HaltRecord) -> None:
    """What a hold in another process writes when something acts again."""
    assert engine.ledger is not None
    await engine.ledger.save(record.header.halt_id, [replace(record.targets[0], state=TargetState.REVIVED)])


def said(book: HaltBook, record: HaltRecord) -> Verdict:
    known = book.get(record.header.halt_id)
    assert known is not None
    return known.verdict


def feed(book: HaltBook, events: list[EngineEvent]) -> None:
    for event in events:
        match event:
            case TargetsMoved(halt_id, targets):
                book.move(halt_id, targets)
            case Adopted(halt_id):
                if (known := book.get(halt_id)) is not None:
                    known.adopt(event)


def test_who_another_process_had_to_leave_counts_for_the_verdict_here(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(small_fleet(1), tmp_path) as engine:
            record, events, book = await halt(engine), list[EngineEvent](), HaltBook()
            halt_id = record.header.halt_id
            assert engine.ledger is not None
            following = Following(engine.ledger, events.append)
            await following.look([halt_id], ours=())
            book.load(await engine.records())
            assert said(book, record) is Verdict.STOPPED
            await leave_a_newcomer(engine, record)
            await following.look([halt_id], ours=())
            feed(book, events)
            assert said(book, record) is Verdict.INCOMPLETE
            assert (await engine.record(halt_id)).verdict is Verdict.INCOMPLETE

    run(main)


def test_what_another_process_wrote_last_is_told_when_its_halt_is_taken_over(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(small_fleet(1), tmp_path) as engine:
            record, events = await halt(engine), list[EngineEvent]()
            assert engine.ledger is not None
            following = Following(engine.ledger, events.append)
            await following.look([record.header.halt_id], ours=())
            await write_a_revival(engine, record)
            following.hand_over(await engine.record(record.header.halt_id))
            (moved,) = (event for event in events if isinstance(event, TargetsMoved))
            assert [target.state for target in moved.targets] == [TargetState.REVIVED]

    run(main)


def test_what_was_written_after_the_ledger_was_first_read_is_shown(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(small_fleet(1), tmp_path) as engine:
            record, book = await halt(engine), HaltBook()
            book.load(await engine.records())
            await write_a_revival(engine, record)
            book.see_open(OpenHalts(tuple(await engine.records()), ()))
            assert said(book, record) is Verdict.INCOMPLETE
            book.move(record.header.halt_id, record.targets)
            book.see_open(OpenHalts(tuple(await engine.records()), ()))
            assert said(book, record) is Verdict.STOPPED, "what is told live is newer than the ledger"

    run(main)
