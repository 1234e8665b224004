"""The matrix as a page: what every cell came to, kept as the tests go, written at the end of ``make chaos``."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from faulting.cell import BACKENDS, OPERATIONS, Outcome
from faulting.faults import FAULTS

KEPT: Final = "KILLSWITCH_FAULT_MATRIX"
"""The folder for outcomes; unset outside ``make chaos``."""

PAGE: Final = Path(__file__).parents[2] / "docs" / "fault-matrix.md"


HEAD: Final = """\
# Fault matrix

{cells} cells and {several} combinations; {held} of {all} held. Played on {day}, {machine}, Python {python}. Repeat it
with `make chaos`; a cell that fails prints the seed to repeat it with.

A cell is a halt and restore of a small world on the simulator, over the real clients, while one operation of one
backend runs into one fault; the fault is over three seconds after its first blow. It holds when nothing was called
stopped whose agent acted after the evidence (read from the simulator's truth four times a second), the other backends'
targets were proven stopped meanwhile, the halt could be finished afterwards, and the world after the restore equals the
one before in every field.

`ok` held · `ok-` held, and the halt had to be resumed (its first verdict was not `stopped`) · `=` held, and the
operation asked its platform nothing that could be struck · `NO` did not hold
"""


def keep(outcomes: Iterable[Outcome]) -> None:
    """Keep outcomes for the page, if there is to be one."""
    folder = os.environ.get(KEPT)
    if not folder:
        return
    for outcome in outcomes:
        name = "+".join(f"{s.backend}-{s.operation}-{s.fault.name}" for s in outcome.strikes).replace(" ", "_")
        kept = {
            "strikes": [[s.backend, s.operation, s.fault.name] for s in outcome.strikes],
            "seed": outcome.seed,
            "blows": outcome.blows,
            "verdict": outcome.verdict,
            "seconds": outcome.seconds,
            "wrong": outcome.wrong,
        }
        Path(folder, f"{name.replace('/', '_')}.json").write_text(json.dumps(kept))


def written(folder: Path) -> str:
    """The page for what is kept in a folder."""
    kept = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    single = {tuple(one["strikes"][0]): one for one in kept if len(one["strikes"]) == 1}
    several = [one for one in kept if len(one["strikes"]) > 1]
    held = sum(not one["wrong"] for one in kept)
    lines = [
        HEAD.format(
            cells=len(single),
            several=len(several),
            held=held,
            all=len(kept),
            day=datetime.now(UTC).date(),
            machine=platform.platform(),
            python=platform.python_version(),
        )
    ]
    for backend in BACKENDS:
        lines += [f"## {backend}", "", "| fault | " + " | ".join(OPERATIONS) + " |", "|---" * 7 + "|"]
        lines += [
            f"| {fault.name} | "
            + " | ".join(_sign(single.get((backend, operation, fault.name))) for operation in OPERATIONS)
            + " |"
            for fault in FAULTS
        ]
        lines.append("")
    lines += ["## Combinations", "", "| seed | faults | |", "|---|---|---|"]
    for one in sorted(several, key=lambda one: one["seed"]):
        faults = "; ".join(f"{b} {o}: {f}" for b, o, f in one["strikes"])
        lines.append(f"| {one['seed']} | {faults} | {_sign(one)} |")
    return "\n".join(lines) + "\n"


def _sign(one: dict[str, Any] | None) -> str:
    if one is None:
        return "not played"
    if one["wrong"]:
        return "NO"
    if not one["blows"]:
        return "="
    return "ok" if one["verdict"] == "stopped" else "ok-"


if __name__ == "__main__":
    page = written(Path(sys.argv[1]))
    PAGE.write_text(page)
    print(page)
