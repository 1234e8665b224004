"""Lambda's control plane goes away in the middle of a halt: the halt waits, goes on where it was, and loses nothing."""

from __future__ import annotations

import asyncio
import time
import tomllib
from pathlib import Path

import pytest

from killswitch_backends.simulator.seams import AgentSpec, Runtime
from killswitch_console.assembling import engine_settings
from killswitch_console.authority.invoker import current_invoker
from killswitch_console.config import load_configuration
from killswitch_console.halting.engine import open_engine
from killswitch_console.halting.progress import TargetState
from killswitch_inventory.scopes import Scope
from simulated import Simulated, eventually, running


def lambda_only(sim: Simulated) -> Path:
    """The simulator's configuration with its ``[[lambda]]`` table alone."""
    (table,) = tomllib.loads(sim.config_path.read_text())["lambda"]
    lines = [f"{key} = {value!r}" if isinstance(value, int) else f'{key} = "{value}"' for key, value in table.items()]
    path = sim.tmp / "lambda-only.toml"
    path.write_text(f'environment = "t"\nstate_dir = "{sim.tmp / "state"}"\n[[lambda]]\n' + "\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize(("functions", "seconds"), [(18, 2), pytest.param(40, 20, marks=pytest.mark.chaos)])
async def test_a_control_plane_that_is_down_in_mid_halt(functions: int, seconds: float) -> None:
    specs = [
        AgentSpec(name=f"f-{number}", agent_class="c", tenant="t", runtime=Runtime.LAMBDA, timeout=1, tick=0.2)
        for number in range(functions)
    ]
    async with (
        running(specs=specs) as sim,
        open_engine(engine_settings(load_configuration(lambda_only(sim)))) as engine,
    ):
        await engine.discover()
        plan = await engine.plan(Scope.parse("global"))
        halting = asyncio.create_task(engine.halt(plan, invoker=current_invoker(), reason="test", timeout=90))
        await eventually(lambda: sim.counts().get("lambda.PutFunctionConcurrency", 0) >= 3)
        rule = sim.faults.add(operation="lambda", kind="error", status=503)
        down_since = time.monotonic()
        await eventually(lambda: time.monotonic() - down_since >= seconds, within=seconds + 5)
        struck = sim.faults.list()[0]["struck"]
        sim.faults.remove(rule)
        record = await halting
        assert struck > 0
        assert {target.state for target in record.targets} == {TargetState.STOPPED}
        assert len(record.targets) == functions
        for target in record.targets:
            last = sim.last_action(target.target.path)
            assert last is None or (target.evidence is not None and last <= target.evidence.at), target.target
