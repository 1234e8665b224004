"""Cold starts: ``--version`` beside a bare interpreter, and a headless halt's way to its first PATCH."""

from __future__ import annotations

import asyncio
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.measuring import Row, seconds_of
from simulated import Simulated, process

ROUNDS = 7
CONSOLE = str(Path(sys.executable).parent / "killswitch-console")


async def measure() -> list[Row]:
    return [await version(), await first_patch()]


async def version() -> Row:
    bare = [await seconds_of(sys.executable, "-c", "pass") for _ in range(ROUNDS)]
    ours = [await seconds_of(CONSOLE, "--version") - least for least in bare]
    return Row("cold --version, beyond a bare interpreter", ours, limit=0.15)


async def first_patch() -> Row:
    async with process(agents=2 * ROUNDS, seed=1) as sim:
        config = kubernetes_only(sim)
        agents = [spec.name for spec in sim.specs if spec.runtime == "kubernetes"]
        return Row(
            "cold headless halt of one Deployment: start to first PATCH",
            [await start_to_patch(sim, config, agents[n]) for n in range(ROUNDS)],
            limit=1.2,
        )


async def start_to_patch(sim: Simulated, config: Path, agent: str) -> float:
    await asyncio.to_thread(sim.forget_requests)
    began = time.time()
    command = ("halt", f"agent:{agent}", "--reason", "bench", "--confirm", "yes", "--config", str(config))
    halting = await asyncio.create_subprocess_exec(CONSOLE, *command, stdout=asyncio.subprocess.DEVNULL)
    await halting.wait()
    patches = await asyncio.to_thread(sim.requests, "kubernetes.patch*")
    first = min(datetime.fromisoformat(str(p["at"])) for p in patches)
    return (first - datetime.fromtimestamp(began, UTC)).total_seconds()


def kubernetes_only(sim: Simulated) -> Path:
    """The simulator's configuration with its Kubernetes table alone."""
    tables = sim.config_path.read_text().split("\n[[")
    kept = [tables[0], *("[[" + t for t in tables[1:] if t.startswith("kubernetes"))]
    path = sim.config_path.with_name("kubernetes-only.toml")
    path.write_text("\n".join(kept))
    return path
