"""``init``: write a commented example configuration."""

from __future__ import annotations

import argparse

SUMMARY = "write a commented example configuration; never over one that is there"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--output", metavar="FILE", help="where to (default: where the console looks first)")
    parser.add_argument("--print", action="store_true", help="print it instead")


def run(options: argparse.Namespace) -> int:
    """Write it, or print it; exit 0."""
    import sys
    from pathlib import Path

    from killswitch_console.cli.first_run import written
    from killswitch_console.cli.main import DONE
    from killswitch_console.config_files import own_place
    from killswitch_console.example import example

    if options.print:
        sys.stdout.write(example())
    else:
        print(written(Path(options.output).expanduser().absolute() if options.output else own_place()))
    return DONE
