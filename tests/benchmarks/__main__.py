"""Runs every benchmark (or those named), prints one table, and brings ``docs/benchmarks.md`` up to date."""

from __future__ import annotations

import asyncio
import pkgutil
import platform
import sys
from importlib import import_module

import benchmarks
from benchmarks.measuring import Row, table
from benchmarks.page import PAGE, updated


async def measured(names: list[str]) -> dict[str, list[Row]]:
    rows: dict[str, list[Row]] = {}
    for name in names:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        rows[name] = await import_module(f"benchmarks.{name}").measure()
    return rows


def main() -> int:
    helpers = {"measuring", "page", "__main__"}
    known = sorted(m.name for m in pkgutil.iter_modules(benchmarks.__path__) if m.name not in helpers)
    chosen = sys.argv[1:] or known
    if unknown := set(chosen) - set(known):
        print(f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    rows = asyncio.run(measured(chosen))
    print(f"\n{platform.platform()}, {platform.machine()}, Python {platform.python_version()}\n")
    print(table([row for several in rows.values() for row in several]))
    PAGE.write_text(updated(PAGE.read_text(encoding="utf-8") if PAGE.exists() else "", rows), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
