"""300 functions under AWS's 15 control-plane calls a second: our halt beside the floor that the limit puts under it.

Also counted: functions lost (none may be), and how far back in the order the last of the busiest tenth came. The
peer is what people write on the day: list the functions, set each one's concurrency to 0, with boto3's own retries.
"""

from __future__ import annotations

import asyncio
import time
import tomllib
from contextlib import AbstractAsyncContextManager, closing
from pathlib import Path

from botocore.config import Config
from botocore.exceptions import ClientError

from benchmarks.measuring import Row
from killswitch_console.assembling import engine_settings
from killswitch_console.authority.invoker import current_invoker
from killswitch_console.config import load_configuration
from killswitch_console.halting.engine import Engine, open_engine
from killswitch_console.halting.record import HaltRecord
from killswitch_inventory.scopes import Scope
from simulated import Simulated, process
from worldview import aws_client

AGENTS = 1000
"""A fleet of which 300 run on Lambda."""
ROUNDS = 2


async def measure() -> list[Row]:
    accepted, floors, places, lost, proven = [], [], [], [], []
    for seed in range(1, ROUNDS + 1):
        async with process(agents=AGENTS, seed=seed) as sim, _engine(sim) as engine:
            await engine.discover()
            plan = await engine.plan(Scope.parse("global"))
            record = await engine.halt(plan, invoker=current_invoker(), reason="bench", timeout=120)
            (floor,) = plan.floors.values()
            floors.append(floor.floor_seconds)
            accepted.append(_last_accepted(record))
            places.append(_last_of_the_busiest(record))
            lost.append(float(sum(t.accepted is None for t in record.targets)))
            proven.append(max((t.stopped_at - record.header.invoked_at).total_seconds() for t in record.targets))
    async with process(agents=AGENTS, seed=1) as sim:
        alone, missed = await asyncio.to_thread(_boto3_loop, sim)
    count = len(record.targets)
    return [
        Row(f"{count} functions: confirmation to last accepted", accepted, limit=1.1, baseline=floors, peer="floor"),
        Row(f"{count} functions: confirmation to last proven", proven),
        Row(f"{count} functions: not halted", lost, unit="functions", limit=0),
        Row(f"{count} functions: to last accepted", accepted, baseline=[alone], peer="a boto3 loop"),
        Row("functions that the boto3 loop was refused", [missed], unit="functions"),
        Row("place of the last of the busiest tenth", places, unit="of 1", limit=0.2),
    ]


def _engine(sim: Simulated) -> AbstractAsyncContextManager[Engine]:
    return open_engine(engine_settings(load_configuration(lambda_only(sim))))


def lambda_only(sim: Simulated) -> Path:
    """The simulator's configuration with its ``[[lambda]]`` table alone."""
    written = tomllib.loads(sim.config_path.read_text())
    (table,) = written["lambda"]
    lines = [f"{key} = {value!r}" if isinstance(value, int) else f'{key} = "{value}"' for key, value in table.items()]
    path = sim.tmp / "lambda-only.toml"
    path.write_text(f'environment = "bench"\nstate_dir = "{sim.tmp / "state"}"\n[[lambda]]\n' + "\n".join(lines) + "\n")
    return path


def _boto3_loop(sim: Simulated) -> tuple[float, float]:
    """Seconds that a plain loop takes, and how many functions it could not set to 0."""
    missed = 0
    with closing(aws_client(sim, "lambda", Config())) as client:
        began = time.perf_counter()
        pages = client.get_paginator("list_functions").paginate()
        for name in [function["FunctionName"] for page in pages for function in page["Functions"]]:
            try:
                client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
            except ClientError:
                missed += 1
        return time.perf_counter() - began, float(missed)


def _last_accepted(record: HaltRecord) -> float:
    return max((t.accepted.at - record.header.invoked_at).total_seconds() for t in record.targets if t.accepted)


def _last_of_the_busiest(record: HaltRecord) -> float:
    """Where in the order of acceptance the last function stands that ran more than nine tenths of them."""
    running = sorted((t.captured.running if t.captured else 0 for t in record.targets), reverse=True)
    least = running[len(running) // 10 - 1]
    order = sorted((t for t in record.targets if t.accepted), key=lambda t: t.accepted.at)  # type: ignore[union-attr]
    busy = [place for place, t in enumerate(order, 1) if t.captured and t.captured.running >= least]
    return busy[len(running) // 10 - 1] / len(order)
