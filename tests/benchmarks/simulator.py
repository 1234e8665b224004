"""The simulator as a newcomer meets it: 5,000 agents started and idle, and the demonstration's first tree at 80x24."""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.measuring import Row
from painted import painted

AGENTS = 5000
ROUNDS = 3
SETTLES = 15.0
"""Seconds after which what a start takes is given back, and agents that act make up what it holds."""
CONSOLE = str(Path(sys.executable).parent / "killswitch-console")


async def measure() -> list[Row]:
    started = [await start(AGENTS) for _ in range(ROUNDS)]
    trees = [await demonstration() for _ in range(ROUNDS)]
    return [
        Row(f"simulator of {AGENTS:,} agents: start to ready", [seconds for seconds, _ in started], limit=10.0),
        Row("the same, idle: memory", [megabytes for _, megabytes in started], unit="MB", limit=400.0),
        Row("make demo, set up before, at 80x24: start to the tree", trees, limit=3.0),
    ]


async def start(agents: int) -> tuple[float, float]:
    """Seconds until it says that it is ready, and the megabytes that it holds once it is idle."""
    with tempfile.TemporaryDirectory() as folder:
        words = ("simulator", "--agents", str(agents), "--write-config", str(Path(folder, "sim.toml")))
        began = time.perf_counter()
        child = await asyncio.create_subprocess_exec(CONSOLE, *words, stdout=asyncio.subprocess.PIPE)
        assert child.stdout is not None
        try:
            said = await asyncio.wait_for(child.stdout.readline(), 120)
            took = time.perf_counter() - began
            assert b"http://127.0.0.1:" in said
            await asyncio.sleep(SETTLES)
            held = await asyncio.to_thread(resident, child.pid)
        finally:
            child.terminate()
            await child.communicate()
    return took, held


def resident(pid: int) -> float:
    """Megabytes that a process holds."""
    (kilobytes,) = re.findall(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(kilobytes) / 1000


async def demonstration() -> float:
    """Seconds from the command to the tree of its classes."""
    began = time.perf_counter()
    async with painted([CONSOLE, "demo"], size=(80, 24)) as screen:
        at = await screen.shows("refund", "triage", "63 agents")
        screen.press(b"q")
        await screen.end(within=60)
    return at - began
