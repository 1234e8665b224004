"""``python -m killswitch_backends.simulator``: the simulator without the console's command line."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from killswitch_backends.simulator.run import serve


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m killswitch_backends.simulator", description=__doc__)
    parser.add_argument("--agents", type=int, default=60, help="covered agents to make")
    parser.add_argument("--seed", type=int, default=1, help="what the world is drawn from")
    parser.add_argument("--uncovered", type=int, default=0, help="further agents that lack a layer")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--write-config", type=Path, metavar="FILE", help="write a configuration for the console")
    return parser.parse_args()


def main() -> int:
    """Run until SIGINT or SIGTERM; 2 when it cannot start."""
    options = _arguments()
    try:
        asyncio.run(
            serve(
                agents=options.agents,
                seed=options.seed,
                uncovered=options.uncovered,
                port=options.port,
                write_config=options.write_config,
                ready=lambda url: print(f"simulator ready at {url}", flush=True),  # noqa: T201 - the one line it says
            )
        )
    except (ValueError, OSError) as problem:
        print(f"simulator: {problem}", file=sys.stderr)  # noqa: T201
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
