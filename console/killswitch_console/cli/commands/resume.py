"""``resume``: finish a halt that was interrupted."""

from __future__ import annotations

import argparse

SUMMARY = "finish an interrupted halt: halt and prove what is left of it"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    from killswitch_console.cli.options import add_config, add_json, add_override, add_timeout

    parser.add_argument("halt", metavar="HALT", help="the halt's id, see `status`")
    add_timeout(parser)
    add_override(parser)
    add_config(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Resume, then exit as ``halt`` does."""
    from killswitch_console.cli import session

    return session.run(lambda: _resume(options))


async def _resume(options: argparse.Namespace) -> int:
    from killswitch_console.cli import session
    from killswitch_console.cli.showing import Progress, finish

    async with session.engine(session.configuration(options), Progress(quiet=options.json)) as engine:
        await engine.record(options.halt)
        record = await engine.resume(options.halt, timeout=options.timeout, invoker=session.invoker(options))
    return finish(record, as_json=options.json)
