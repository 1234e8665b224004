"""Runs every benchmark (or those named on the command line) and prints one table."""

from __future__ import annotations

import asyncio
import pkgutil
import platform
import sys
from importlib import import_module

import benchmarks
from benchmarks.measuring import Row, table


async def measured(names: list[str]) -> list[Row]:
    rows: list[Row] = []
    for name in names:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        rows += await import_module(f"benchmarks.{name}").measure()
    return rows


def main() -> int:
    helpers = {"measuring", "__main__"}
    known = sorted(m.name for m in pkgutil.iter_modules(benchmarks.__path__) if m.name not in helpers)
    chosen = sys.argv[1:] or known
    if unknown := set(chosen) - set(known):
        print(f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    rows = asyncio.run(measured(chosen))
    print(f"\n{platform.platform()}, {platform.machine()}, Python {platform.python_version()}\n")
    print(table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
