"""``hold``: keep halts in force without a screen, as a service does."""

from __future__ import annotations

import argparse

SUMMARY = (
    "keep every halt in force until it is restored: look on, halt again what is revived, finish what was cut short"
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    from killswitch_console.cli.options import add_config

    add_config(parser)


def run(options: argparse.Namespace) -> int:
    """Hold until SIGTERM or SIGINT; then exit 0. What was held stays halted, and the next one takes over."""
    from killswitch_console.cli import session

    return session.run(lambda: _hold(options))


async def _hold(options: argparse.Namespace) -> int:
    import asyncio

    from killswitch_console.cli import session
    from killswitch_console.cli.main import DONE
    from killswitch_console.cli.showing import HoldProgress
    from killswitch_console.cli.surviving import ending

    progress, end = HoldProgress(), asyncio.Event()
    with ending(end):
        async with session.engine(session.configuration(options), progress, sighted=False) as engine:
            engine.needs_ledger()
            holding = asyncio.create_task(engine.hold(), name="hold")
            ended = asyncio.create_task(end.wait(), name="end")
            await asyncio.wait([holding, ended], return_when=asyncio.FIRST_COMPLETED)
            for task in (holding, ended):
                task.cancel()
            await asyncio.wait([holding, ended])
            if not holding.cancelled():
                holding.result()
    progress.voice.finish()
    return DONE
