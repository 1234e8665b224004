"""``restore``: put back what a halt changed, field by field."""

from __future__ import annotations

import argparse

SUMMARY = "put back exactly what a halt changed; what someone changed since is left alone and reported"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    from killswitch_console.cli.options import add_config, add_confirmation, add_json, add_override

    parser.add_argument("halt", metavar="HALT", help="the halt's id, see `status`")
    add_confirmation(parser, verb="restore")
    add_override(parser)
    add_config(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Restore, then exit 0 (all restored), 3 (refused) or 4 (something is not)."""
    from killswitch_console.cli import session
    from killswitch_console.cli.refusals import recorded

    return session.run(lambda: recorded(_restore(options), options, "restore", options.halt))


async def _restore(options: argparse.Namespace) -> int:
    from killswitch_console.cli import session
    from killswitch_console.cli.asking import ask
    from killswitch_console.cli.showing import Progress, finish

    reason = session.non_empty(options.reason, "--reason")
    settled = session.configuration(options)
    async with session.engine(settled, Progress(quiet=options.json), sighted=False) as engine:
        record = await engine.record(options.halt)
        ask(options.confirm, record.header.scope, record.header.environment, restore=True)
        await engine.discover()
        record = await engine.restore(
            options.halt, invoker=session.invoker(options), reason=reason, timeout=options.timeout
        )
    return finish(record, as_json=options.json)
