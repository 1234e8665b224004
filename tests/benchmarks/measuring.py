"""Rows, medians and the table that ``make bench`` prints."""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from killswitch_console.halting.events import EngineEvent
from killswitch_console.halting.thread import TURN_SECONDS
from killswitch_console.standing import search_everything, standing


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: what was measured, its samples, what it may be at most, and what it is compared with."""

    what: str
    samples: Sequence[float]
    unit: str = "s"
    limit: float | None = None
    """The most that the median (or, with a baseline, the ratio) may be, as the issue says."""
    baseline: Sequence[float] = ()
    """Samples of the peer that was measured in the same run."""
    peer: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    @property
    def ratio(self) -> float | None:
        return self.median / statistics.median(self.baseline) if self.baseline else None

    @property
    def within(self) -> str:
        if self.limit is None:
            return ""
        return "yes" if (self.ratio if self.ratio is not None else self.median) <= self.limit else "NO"


@contextmanager
def as_a_console() -> Iterator[Callable[[EngineEvent], None]]:
    """Share the interpreter as a process does that is one console; yields the engine's ``publish``."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(TURN_SECONDS)
    try:
        yield standing(lambda _: None)
    finally:
        sys.setswitchinterval(before)
        search_everything()


def table(rows: Sequence[Row]) -> str:
    """All rows as a Markdown table."""
    lines = [
        "| what | median | best - worst | peer | ratio | limit | within |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        spread = f"{min(row.samples):.3g} - {max(row.samples):.3g}"
        peer = f"{row.peer} {statistics.median(row.baseline):.3g} {row.unit}" if row.baseline else ""
        ratio = f"{row.ratio:.2f}" if row.ratio is not None else ""
        limit = "" if row.limit is None else f"{row.limit:g}{'x' if row.baseline else ' ' + row.unit}"
        cells = (row.what, f"{row.median:.3g} {row.unit}", spread, peer, ratio, limit, row.within)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


async def seconds_of(*command: str) -> float:
    """How long a command takes from start to exit."""
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
    code = await process.wait()
    assert code == 0, f"{command} exited {code}"
    return time.perf_counter() - began
