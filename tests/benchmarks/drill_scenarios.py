"""Every shipped scenario with a perfect, a silent and a wrong-scope player, headless, at full speed: in two minutes.

Whether each of them ends as it must is asserted here too: a fast drill that scores wrongly is worth nothing.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

from benchmarks.measuring import Row
from killswitch_console.drills.homes import SHIPPED
from killswitch_console.drills.players import PlayerKind
from killswitch_console.drills.playing import play
from killswitch_console.drills.reading import read_scenario

LIMIT = 120.0
"""Seconds for all of them, as the issue says."""


async def measure() -> list[Row]:
    return await asyncio.to_thread(_played)  # each drill has a loop and a clock of its own


def _played() -> list[Row]:
    paths = sorted(SHIPPED.glob("*.toml"))
    began, cpu = time.perf_counter(), time.process_time()
    taken = {(path.stem, player): _seconds(path, player) for path in paths for player in PlayerKind}
    whole, used = time.perf_counter() - began, time.process_time() - cpu
    (slowest, player), longest = max(taken.items(), key=lambda one: one[1])
    return [
        Row(f"{len(paths)} drill scenarios, {len(PlayerKind)} players each: all of them", [whole], limit=LIMIT),
        Row("the same, CPU of this process", [used]),
        Row(f"the slowest drill ({slowest}, {player} player)", [longest]),
    ]


def _seconds(path: Path, player: PlayerKind) -> float:
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        result = play(read_scenario(path), Path(folder), player).score
    assert result.passed == (player is PlayerKind.PERFECT), f"{path.stem}, {player}: {result.failures}"
    return time.perf_counter() - began
