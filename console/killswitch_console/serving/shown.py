"""The console that one browser sees: a process of its own, started by the server, read-only whatever it is told."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def main() -> int:
    """Show the console over stdin and stdout, as textual-serve speaks there."""
    from killswitch_console.assembling import engine_settings
    from killswitch_console.config import load_configuration
    from killswitch_console.tui.running import run_app

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True)
    parser.add_argument("--theme")
    options = parser.parse_args()
    configuration = load_configuration(Path(options.config))
    return run_app(engine_settings(configuration), configuration, wall=True, theme=options.theme)


if __name__ == "__main__":
    sys.exit(main())
