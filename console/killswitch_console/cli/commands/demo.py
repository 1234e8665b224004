"""``demo``: the console on a simulator of its own, in one step, with nothing to configure and nothing left behind."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SUMMARY = "open the console on a simulated fleet; nothing real is touched"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--agents", type=int, default=60, metavar="N", help="agents in the simulated fleet (default 60)"
    )
    parser.add_argument(
        "--uncovered", type=int, default=3, metavar="N", help="further agents that lack a layer (default 3)"
    )
    parser.add_argument(
        "--seed", type=int, default=1, metavar="N", help="the same seed makes the same fleet (default 1)"
    )


def run(options: argparse.Namespace) -> int:
    """Start a simulator, open the console on it, end both."""
    with tempfile.TemporaryDirectory(prefix="killswitch-demo-") as folder:
        config = Path(folder) / "config.toml"
        with _simulator(options, config) as simulator:
            # imported while the simulator starts on the other core: the tree is there sooner
            from killswitch_console.assembling import engine_settings
            from killswitch_console.config import load_configuration
            from killswitch_console.tui.running import run_app

            _await_ready(simulator)
            configuration = load_configuration(config)
            return run_app(engine_settings(configuration), configuration)


@contextmanager
def _simulator(options: argparse.Namespace, config: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A simulator in a process of its own, so that its work never slows the console."""
    wanted = {
        "--agents": options.agents,
        "--uncovered": options.uncovered,
        "--seed": options.seed,
        "--write-config": config,
    }
    arguments = [text for option, value in wanted.items() for text in (option, str(value))]
    command = [sys.executable, "-m", "killswitch_console.cli.main", "simulator", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as process:  # noqa: S603  (ourselves)
        try:
            yield process
        finally:
            process.terminate()


def _await_ready(process: subprocess.Popen[bytes]) -> None:
    from killswitch_console.cli.failures import UsageError

    if process.stdout is None or not process.stdout.readline():
        raise UsageError("the simulator did not start; try `killswitch-console simulator` to see why")
