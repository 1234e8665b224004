"""From a key to the frame that answers it, while 10,000 changes a second stream in and 5,000 targets halt.

The console on 100,000 agents in a pseudo-terminal of 120 by 40, a group open, the cursor moved down and up in it: the
time until the cursor's mark stands before the next agent's name.
"""

from __future__ import annotations

import asyncio
import random
import signal
import statistics
import sys
from pathlib import Path

from benchmarks.measuring import Row
from large_fleet import agent_name
from painted import Painted, painted

CHILD = Path(__file__).parents[1] / "large_fleet.py"
ROUNDS, KEYS = 3, 120
MARK = "▌"


async def measure() -> list[Row]:
    quiet, busy, empty = [], [], []
    for number in range(ROUNDS):
        empty.append(await _empty(number))
        async with painted([sys.executable, str(CHILD), "console"]) as screen:
            await screen.shows("Listing")
            await screen.quiet(1.0)
            screen.process.send_signal(signal.SIGUSR1)
            await screen.shows("100,000 agents")
            await screen.quiet(1.0)
            screen.press(b"l")
            await screen.shows(agent_name(0), agent_name(9))
            await _latencies(screen, keys=10, seed=number)
            quiet.append(_p95(await _latencies(screen, keys=KEYS // 4, seed=number)))
            screen.process.send_signal(signal.SIGUSR2)
            await screen.shows(r"HALTING")
            busy.append(_p95(await _latencies(screen, keys=KEYS, seed=number)))
    return [
        Row("key to painted frame, p95, an empty Textual app beside them", empty),
        Row("key to painted frame, p95, a quiet fleet of 100,000", quiet),
        Row("key to painted frame, p95, 10,000 changes/s and 5,000 targets halting", busy, limit=0.05),
    ]


async def _latencies(screen: Painted, *, keys: int, seed: int) -> list[float]:
    """Seconds from each of so many keys to its answer; ends where it began, on the group's row."""
    chance = random.Random(seed)
    samples: list[float] = []
    row = 0
    down = [*range(1, keys // 2 + 1)]
    for target in [*down, *reversed(down[:-1])]:
        await asyncio.sleep(chance.uniform(0.05, 0.15))
        pressed = screen.press(b"j" if target > row else b"k")
        row = target
        shown = await screen.shows(rf"{MARK}[^A-Za-z]*{agent_name(row - 1)}", since=pressed)
        samples.append(shown - pressed)
    screen.press(b"k")
    await asyncio.sleep(0.3)
    return samples


async def _empty(seed: int) -> float:
    """The same of an app that has one line: what the machine and Textual take at least."""
    chance = random.Random(seed)
    async with painted([sys.executable, str(CHILD), "empty"]) as screen:
        await screen.shows("painted")
        samples = []
        for number in range(1, KEYS // 4):
            await asyncio.sleep(chance.uniform(0.05, 0.15))
            pressed = screen.press(b"j")
            samples.append(await screen.shows(rf"key {number};", since=pressed) - pressed)
    return _p95(samples)


def _p95(samples: list[float]) -> float:
    return statistics.quantiles(samples, n=20)[-1]
