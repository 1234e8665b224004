"""A console that nothing happens to: its share of a core, and the bytes it sends.

The whole console, engine and all, on a scripted platform of 100,000 agents that was listed whole; an hour's clock
shows minutes, so the time without bytes is measured within one minute.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.measuring import Row
from painted import painted

CHILD = Path(__file__).parents[1] / "large_fleet.py"
SECONDS, WINDOWS = 15.0, 3


async def measure() -> list[Row]:
    shares: list[float] = []
    sent: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        async with painted([sys.executable, str(CHILD), "live", folder], env={"AGENTS": "100000"}) as screen:
            await screen.shows("100,000 agents", "live", within=600)
            await screen.quiet(3.0, within=120)
            await _settle(screen.cpu_seconds)
            for _ in range(WINDOWS):
                await asyncio.sleep(max(0.0, (time.time() % 60) + SECONDS + 2 - 60) and 61 - time.time() % 60)
                began, busy = time.perf_counter(), screen.cpu_seconds()
                await asyncio.sleep(SECONDS)
                shares.append((screen.cpu_seconds() - busy) / (time.perf_counter() - began))
                sent.append(float(len(screen.painted(began))))
    return [
        Row("share of a core that a quiet console of 100,000 agents uses", shares, unit="", limit=0.03),
        Row(f"bytes that it sends within {SECONDS:g} s of a minute", sent, unit="bytes", limit=0.0),
    ]


async def _settle(cpu_seconds: object) -> None:
    """Wait until what comes after the first listing (keeping it for another day) is done."""
    assert callable(cpu_seconds)
    deadline = time.perf_counter() + 180
    while time.perf_counter() < deadline:
        before = cpu_seconds()
        await asyncio.sleep(3.0)
        if cpu_seconds() - before < 0.3:
            return
