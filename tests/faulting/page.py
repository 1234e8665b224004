"""The matrix as a page: what every cell came to, kept as the tests go, written at the end of ``make chaos``."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterable, Sequence
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

{played} of {cells} cells struck, and {held} of them held; {several} combinations, of which {several_held} held. In the
other {unasked} cells the operation asks its platform nothing, so that there is nothing to strike.
Played on {day}, {machine}, {processors} processors, Python {python}.

Repeat all of it with `make chaos` (half an hour), one column with
`pytest -m chaos tests/chaos/test_fault_matrix.py -k "lambda and halt"`, one cell or combination with its name and seed:

```
cd tests && ../.venv/bin/python -m faulting 'lambda halt: hang' --seed 116
```

A cell is a halt of everything in a small world on the simulator, and its restore, over the real clients, while one
operation of one backend runs into one fault. What is asked three seconds after the first blow, or later, is answered
well; what hangs by then hangs on, so that time limits are tried too. It holds when

- nothing was called stopped whose agent acted after the evidence, or whose pods, invocations, role or flag were on at
  that moment, read from the simulator's own truth four times a second, and at every verdict;
- the verdict `stopped` was given only when every target was;
- the other backends' targets were proven stopped meanwhile;
- the halt could be finished once the fault was over, and the world after the restore equals the one before in every
  field, so that no prior state was lost;
- the fault struck at least once, wherever the operation asks its platform anything.

A fault in `sight` strikes whatever the backend is asked from its opening on, since sight never ends. Latency keeps
every other request on its way and every other answer. AWS refuses signatures of a clock that is an hour off; elsewhere
the `Date` and the times in answers are an hour off. A stream that falls silent is one that pushes, where the operation
has one; otherwise it is an answer whose body never comes.

`ok` held · `ok-` held, and the halt had to be resumed (its first verdict was not `stopped`) · `=` nothing to strike ·
`NO` did not hold
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
    several = sorted((one for one in kept if len(one["strikes"]) > 1), key=lambda one: int(one["seed"]))
    lines = [_head(list(single.values()), several)]
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
    for one in several:
        lines.append(f"| {one['seed']} | {_name(one)} | {_sign(one)} |")
    wrong = [one for one in (*single.values(), *several) if one["wrong"]]
    if wrong:
        lines += ["", "## What did not hold", ""]
        lines += [f"- {_name(one)} (seed {one['seed']}): {'; '.join(one['wrong'])}" for one in wrong]
    return "\n".join(lines) + "\n"


def _head(single: Sequence[dict[str, Any]], several: Sequence[dict[str, Any]]) -> str:
    struck = [one for one in single if one["blows"] or one["wrong"]]
    return HEAD.format(
        played=len(struck),
        cells=len(single),
        held=sum(not one["wrong"] for one in struck),
        several=len(several),
        several_held=sum(not one["wrong"] for one in several),
        unasked=len(single) - len(struck),
        day=datetime.now(UTC).date(),
        machine=platform.platform(),
        processors=os.cpu_count(),
        python=platform.python_version(),
    )


def _name(one: dict[str, Any]) -> str:
    return " + ".join(f"{b} {o}: {f}" for b, o, f in one["strikes"])


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
