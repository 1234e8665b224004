"""``status``: the halts this bastion knows, or one of them."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from killswitch_console.config import Configuration
    from killswitch_console.halting.foreign import ForeignHalt

SUMMARY = "list halts, or show one: what is proven, what is left, what is held, what was cut short"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    from killswitch_console.cli.options import add_config, add_json

    parser.add_argument("halt", nargs="?", metavar="HALT", help="a halt's id; without it all halts are listed")
    parser.add_argument(
        "--marks", action="store_true", help="look at the platforms too, for halts of other bastions by their marks"
    )
    add_config(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Show what the ledger knows; asks no platform without ``--marks``."""
    from killswitch_console.cli import session

    return session.run(lambda: _status(options))


async def _status(options: argparse.Namespace) -> int:
    from killswitch_console.cli import session
    from killswitch_console.cli.main import DONE
    from killswitch_console.cli.output import print_json
    from killswitch_console.cli.showing import print_halt, print_halts
    from killswitch_console.halting.document import foreign_line, halt_document, halt_line
    from killswitch_console.halting.engine import utc_now
    from killswitch_console.halting.lease import Leases

    settled = session.configuration(options)
    leases = Leases(settled.state_dir)
    foreign = await _marks(settled) if options.marks and options.halt is None else ()
    async with session.ledger(settled) as ledger:
        if options.halt is None:
            records = await ledger.halts()
            at_work = {r.header.halt_id: leases.holder(r.header.halt_id) for r in records}
            if options.json:
                lines = [halt_line(r, at_work[r.header.halt_id]) for r in records]
                print_json([*(foreign_line(found) for found in foreign), *lines])
            else:
                print_halts(records, at_work, foreign)
            return DONE
        record = await session.known(ledger, options.halt)
        at_work_on_it = leases.holder(options.halt)
        if options.json:
            print_json(halt_document(record, utc_now(), at_work_on_it))
        else:
            print_halt(record, at_work_on_it)
        return DONE


async def _marks(settled: Configuration) -> tuple[ForeignHalt, ...]:
    from killswitch_console.cli import session

    async with session.engine(settled) as engine:
        session.report_blind(engine)
        return await engine.foreign()
