"""The console itself; what runs when no command is named."""

from __future__ import annotations

import argparse

SUMMARY = "open the console (the same as naming no command)"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    from killswitch_console.cli.options import add_config

    add_config(parser)


def run(options: argparse.Namespace) -> int:
    """Open the console; exit when the person leaves it."""
    from killswitch_console.assembling import engine_settings
    from killswitch_console.cli import session
    from killswitch_console.tui.app import run_app

    return run_app(engine_settings(session.configuration(options)))
