"""``simulator``: a small world of acting agents behind real wire protocols, on loopback, to try everything on."""

from __future__ import annotations

import argparse
from pathlib import Path

SUMMARY = "run the built-in simulator: Kubernetes, AWS and LaunchDarkly on one loopback port"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--agents", type=int, default=60, metavar="N", help="agents that every layer covers (default 60)"
    )
    parser.add_argument("--uncovered", type=int, default=0, metavar="N", help="further agents that lack a layer")
    parser.add_argument(
        "--seed", type=int, default=1, metavar="N", help="the same seed makes the same world (default 1)"
    )
    parser.add_argument("--port", type=int, default=0, metavar="N", help="port on 127.0.0.1 (default: a free one)")
    parser.add_argument("--write-config", type=Path, metavar="FILE", help="write a configuration that points at it")


def run(options: argparse.Namespace) -> int:
    """Serve until interrupted."""
    import asyncio

    from killswitch_console.cli.failures import UsageError

    try:
        from killswitch_backends.simulator.run import serve
    except ModuleNotFoundError as missing:
        raise UsageError(f"the simulator needs the extra 'simulator' ({missing.name} is not installed)") from missing

    world = serve(
        agents=options.agents,
        seed=options.seed,
        uncovered=options.uncovered,
        port=options.port,
        write_config=options.write_config,
        ready=lambda line: print(line, flush=True),
    )
    try:
        asyncio.run(world)
    except (OSError, OverflowError, ValueError) as error:
        raise UsageError(f"the simulator cannot start: {error}") from error
    return 0
