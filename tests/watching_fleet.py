"""A console without a face, as a process of its own: opens an engine on a configuration and tells what that costs.

Prints one JSON line when the first picture is whole: seconds and CPU seconds since the engine was opened, agents, MB.
Then, for each line on stdin (seconds), the share of a core that it used while it watched for so long.
"""

from __future__ import annotations

import asyncio
import gc
import json
import resource
import sys
import time
from pathlib import Path

from killswitch_console.assembling import engine_settings
from killswitch_console.config import load_configuration
from killswitch_console.halting.engine import open_engine
from killswitch_inventory.scopes import Scope


def resident() -> float:
    """MB of memory that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def highest() -> float:
    """MB of memory that this process held at most. (``ru_maxrss`` would count its parent's before the exec.)"""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise LookupError("this system does not tell VmHWM")


async def watch(config: Path) -> None:
    began, used = time.perf_counter(), time.process_time()
    async with open_engine(engine_settings(load_configuration(config))) as engine:
        await engine.discover(timeout=120)
        took, busy = time.perf_counter() - began, time.process_time() - used
        peak = highest()
        agents = engine.fleet.agents(Scope.parse("global"))
        count, instances = len(agents), sum(len(agent.instances) for agent in agents)
        del agents
        gc.collect()
        tell(seconds=took, cpu=busy, agents=count, instances=instances, resident=resident(), peak=peak)
        while line := await asyncio.to_thread(sys.stdin.readline):
            seconds = float(line)
            before = time.process_time()
            await asyncio.sleep(seconds)
            tell(share=(time.process_time() - before) / seconds, resident=resident())


def tell(**facts: float) -> None:
    print(json.dumps(facts), flush=True)


if __name__ == "__main__":
    asyncio.run(watch(Path(sys.argv[1])))
