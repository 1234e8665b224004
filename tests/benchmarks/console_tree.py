"""100,000 agents in the console's tree beside Textual's own Tree, each in a pseudo-terminal of 120 by 40.

From the moment at which the agents are given to the frame that shows them; the memory which that takes; all groups
opened at once. Each round is a fresh process of each.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from pathlib import Path

from benchmarks.measuring import Row
from large_fleet import agent_name, class_name
from painted import Painted, painted

CHILD = Path(__file__).parents[1] / "large_fleet.py"
ROUNDS = 3


async def measure() -> list[Row]:
    ours, tree = [], []
    for _ in range(ROUNDS):  # in turns, so that whatever else the machine does is beside both
        ours.append(await opened("console"))
        tree.append(await opened("tree"))
    samples = [[list(each) for each in zip(*one, strict=True)] for one in (ours, tree)]
    (paint, memory, expand), (their_paint, their_memory, their_expand) = samples
    peer = "Textual's Tree"
    return [
        Row("100,000 agents: given to painted", paint, limit=0.1, baseline=their_paint, peer=peer),
        Row("memory they take", memory, unit="MB", limit=0.25, baseline=their_memory, peer=peer),
        Row("all groups opened", expand, limit=0.02, baseline=their_expand, peer=peer),
    ]


async def opened(which: str) -> tuple[float, float, float]:
    """Seconds from given to painted, MB for that, seconds from the key for opening all groups to painted."""
    async with painted([sys.executable, str(CHILD), which]) as screen:
        await screen.shows("[Ll]isting")
        await screen.quiet(1.0)
        before = screen.resident()
        given = time.perf_counter()
        screen.process.send_signal(signal.SIGUSR1)
        shown = await screen.shows(r"100,000 agents", class_name(0), class_name(20), since=given)
        await screen.quiet(1.0)
        memory = screen.resident() - before
        pressed = screen.press(b"*")
        expanded = await screen.shows(agent_name(0), agent_name(9), since=pressed)
        await rest(screen)
        return shown - given, memory, expanded - pressed


async def rest(screen: Painted) -> None:
    """Let a screen come to rest, so that rounds do not disturb each other."""
    await screen.quiet(0.3)
    await asyncio.sleep(0.2)
