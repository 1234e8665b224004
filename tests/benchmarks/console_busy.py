"""What a busy session of a minute sends down the line: bytes, and frames a second.

The console on 100,000 agents at 120 by 40, 10,000 changes a second, a halt of 5,000 targets within it, and a person
who presses a key every second: into a group, up and down in it, to the halt for twenty seconds, and back.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from pathlib import Path

from benchmarks.measuring import Row
from painted import Painted, painted

CHILD = Path(__file__).parents[1] / "large_fleet.py"
SECONDS = 60
KEYS = b"ljjjjjkkkkk21ojjjjjjjjjjkkkkkkkkkk\x1bjjjjjjjkkkkkkkggggggjjjjjkkkkk"
"""One a second: open a group, walk in it, look at the halts and back, follow the halt under way for twenty seconds,
come back, walk, group by something else and back to classes, walk."""


async def measure() -> list[Row]:
    rows = []
    for size in ((120, 40), (80, 24)):
        async with painted([sys.executable, str(CHILD), "console"], size=size) as screen:
            await screen.shows("Listing")
            await screen.quiet(1.0)
            screen.process.send_signal(signal.SIGUSR1)
            await screen.shows("100,000 agents")
            await screen.quiet(1.0)
            screen.process.send_signal(signal.SIGUSR2)
            sent, frames = await _session(screen)
        where = f"at {size[0]}x{size[1]}, a busy minute"
        rows += [
            Row(f"{where}: kB sent", [sent / 1000], unit="kB", limit=150.0),
            Row(f"{where}: frames a second", [frames], unit="1/s", limit=10.0),
        ]
    return rows


async def _session(screen: Painted) -> tuple[float, float]:
    began = time.perf_counter()
    for number in range(SECONDS):
        await asyncio.sleep(max(0.0, began + number - time.perf_counter()))
        screen.press(KEYS[number : number + 1] or b"j")
    await asyncio.sleep(max(0.0, began + SECONDS - time.perf_counter()))
    ended = began + SECONDS
    sent = sum(len(data) for at, data in screen.arrived if began <= at < ended)
    return float(sent), screen.frames(began, ended) / SECONDS
