"""``resume``: finish a halt that was interrupted."""

from __future__ import annotations

import argparse

SUMMARY = "finish an interrupted halt: halt and prove what is left of it"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    from killswitch_console.cli.options import add_break_glass, add_config, add_json, add_override, add_timeout

    parser.add_argument("halt", metavar="HALT", help="the halt's id, see `status`")
    add_timeout(parser)
    add_override(parser)
    add_break_glass(parser)
    add_config(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Resume, then exit as ``halt`` does."""
    from killswitch_console.cli import session

    return session.run(lambda: _resume(options))


async def _resume(options: argparse.Namespace) -> int:
    from contextlib import ExitStack

    from killswitch_console.cli import session
    from killswitch_console.cli.glass import break_glass
    from killswitch_console.cli.showing import Progress, finish
    from killswitch_console.cli.surviving import surviving

    progress = Progress(quiet=options.json)
    goes_on = f"the halt goes on; `status {options.halt}` shows it"
    with ExitStack() as until_closed:
        settled = session.configuration(options)
        async with session.engine(settled, progress, sighted=not options.break_glass) as engine:
            known = await engine.record(options.halt)
            await break_glass(engine, options, known.header.reason, known.header.incident)
            await engine.discover()
            until_closed.enter_context(surviving(progress.voice.say, goes_on))
            record = await engine.resume(options.halt, timeout=options.timeout, invoker=session.invoker(options))
    progress.voice.finish()
    return finish(record, as_json=options.json)
