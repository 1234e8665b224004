"""From the start of the process to the first frame of the last known fleet, beside an empty Textual app.

A first session of the whole console lists 10,000 agents (then 100,000) and is left; then the platform never answers,
and the next sessions have only what is known from it.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks.measuring import Row
from large_fleet import class_name
from painted import painted

CHILD = Path(__file__).parents[1] / "large_fleet.py"
ROUNDS = 5


async def measure() -> list[Row]:
    rows = []
    for agents in (10_000, 100_000):
        with tempfile.TemporaryDirectory() as folder:
            await _first_session(folder, agents)
            ours, empty = [], []
            for _ in range(ROUNDS):
                silent = {"SILENT": "1", "AGENTS": str(agents)}
                ours.append(await start_to("live", folder, class_name(0), class_name(20), env=silent))
                empty.append(await start_to("empty", folder, "painted", env={}))
        what = f"start to the first frame of the last known fleet of {agents:,}"
        rows.append(Row(what, ours, limit=1.5, baseline=empty, peer="an empty Textual app"))
    return rows


async def _first_session(folder: str, agents: int) -> None:
    """List everything, then leave as a person does."""
    env = {"AGENTS": str(agents)}
    async with painted([sys.executable, str(CHILD), "live", folder], env=env) as screen:
        await screen.shows(f"{agents:,} agents", "live", within=300)
        await screen.quiet(3.0, within=120)
        deadline = time.perf_counter() + 120
        while not any(name.endswith(".jsonl") for _, _, names in os.walk(folder) for name in names):
            assert time.perf_counter() < deadline, "what is known was never kept"
            await screen.quiet(1.0)
        screen.press(b"q")
        await screen.end(within=120)


async def start_to(which: str, folder: str, *patterns: str, env: Mapping[str, str]) -> float:
    """Seconds from the start of a process to the frame that shows all these."""
    began = time.perf_counter()
    async with painted([sys.executable, str(CHILD), which, folder], env=env) as screen:
        return await screen.shows(*patterns) - began
