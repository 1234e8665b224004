"""Play one cell, or one combination, of the matrix again: what a failing one prints.

cd tests && ../.venv/bin/python -m faulting 'lambda halt: hang' --seed 116
cd tests && ../.venv/bin/python -m faulting 'lambda halt: hang + iam sight: 403' --seed 1007
"""

from __future__ import annotations

import argparse
import asyncio
import re

from faulting.cell import BACKENDS, OPERATIONS, Strike, run
from faulting.faults import FAULTS
from faulting.operations import bells
from faulting.relay import names_that_may_fail

_STRIKE = re.compile(r"(?P<backend>\S+) (?P<operation>\S+): (?P<fault>.+)")


def main() -> int:
    """Play it; 1 when something did not hold."""
    parser = argparse.ArgumentParser(prog="python -m faulting", description="Play cells of the fault matrix again.")
    parser.add_argument("cell", type=strikes, help="BACKEND OPERATION: FAULT, several joined by ' + '")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with bells(), names_that_may_fail():
        outcome = asyncio.run(run(given.cell, given.seed))
    print(f"{outcome.name}: {outcome.blows} blows, verdict {outcome.verdict}, {outcome.seconds:.0f} s")
    print("\n".join(outcome.wrong) or "held")
    return 0 if outcome.held else 1


def strikes(text: str) -> tuple[Strike, ...]:
    """Read the name of a cell."""
    return tuple(map(_strike, text.split(" + ")))


def _strike(text: str) -> Strike:
    found = _STRIKE.fullmatch(text)
    faults = {fault.name: fault for fault in FAULTS}
    if found is None or found["backend"] not in BACKENDS or found["operation"] not in OPERATIONS:
        raise argparse.ArgumentTypeError(f"{text!r} is not BACKEND OPERATION: FAULT")
    if found["fault"] not in faults:
        raise argparse.ArgumentTypeError(f"no fault is called {found['fault']!r}; there are {', '.join(faults)}")
    return Strike(found["backend"], found["operation"], faults[found["fault"]])


if __name__ == "__main__":
    raise SystemExit(main())
