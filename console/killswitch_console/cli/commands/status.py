"""``status``: the halts this bastion knows, or one of them."""

from __future__ import annotations

import argparse

SUMMARY = "list halts, or show one: what is proven, what is left, what is held"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    from killswitch_console.cli.options import add_config, add_json

    parser.add_argument("halt", nargs="?", metavar="HALT", help="a halt's id; without it all halts are listed")
    add_config(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Show what the ledger knows; asks no platform."""
    from killswitch_console.cli import session

    return session.run(lambda: _status(options))


async def _status(options: argparse.Namespace) -> int:
    from killswitch_console.cli import session
    from killswitch_console.cli.main import DONE
    from killswitch_console.cli.output import print_json
    from killswitch_console.cli.showing import print_halt, print_halts
    from killswitch_console.halting.document import halt_document, halt_line
    from killswitch_console.halting.engine import utc_now

    async with session.ledger(session.configuration(options)) as ledger:
        if options.halt is None:
            records = await ledger.halts()
            print_json([halt_line(r) for r in records]) if options.json else print_halts(records)
            return DONE
        record = await session.known(ledger, options.halt)
        print_json(halt_document(record, utc_now())) if options.json else print_halt(record)
        return DONE
