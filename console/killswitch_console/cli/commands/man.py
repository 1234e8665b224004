"""``man``: the manual page."""

from __future__ import annotations

import argparse

SUMMARY = "print the manual page: killswitch-console man | man -l -"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    del parser


def run(_: argparse.Namespace) -> int:
    """Print it in roff; exit 0."""
    from killswitch_console.cli.main import DONE
    from killswitch_console.cli.manual import manual

    print(manual(), end="")
    return DONE
