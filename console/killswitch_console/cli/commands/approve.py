"""``approve``: agree, as the second of two people, to the restore of a halt."""

from __future__ import annotations

import argparse

SUMMARY = "agree to the restore of a halt that takes two people; another person then restores it"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    from killswitch_console.cli.options import add_config, add_override, add_trail

    parser.add_argument("halt", metavar="HALT", help="the halt's id, see `status`")
    add_trail(parser)
    add_override(parser)
    add_config(parser)


def run(options: argparse.Namespace) -> int:
    """Approve, then exit 0, or 3 (refused: the same person twice, or not authorised)."""
    from killswitch_console.cli import session
    from killswitch_console.cli.refusals import recorded

    return session.run(lambda: recorded(_approve(options), options, "approve", options.halt))


async def _approve(options: argparse.Namespace) -> int:
    from killswitch_console.cli import session
    from killswitch_console.cli.elsewhere import know_from_trail
    from killswitch_console.cli.main import DONE
    from killswitch_console.halting.engine import UnknownHalt
    from killswitch_console.hostile import clean

    settled = session.configuration(options)
    async with session.engine(settled, sighted=False) as engine:
        await know_from_trail(engine, options, settled)
        try:
            await engine.record(options.halt)
        except UnknownHalt:
            await engine.discover()
        approval = await engine.approve(options.halt, invoker=session.invoker(options))
    who = clean(str(approval.approver))
    print(f"{who} agreed to one restore of {options.halt}; another person may run `restore {options.halt}` now")
    return DONE
