"""Marks that follow behind a halt: a closing console waits for them, or says what is missing; a resume writes it."""

from __future__ import annotations

import pytest

from killswitch_backends.aws_common import marking
from killswitch_backends.aws_common.tags import HALT_ID
from killswitch_backends.simulator.seams import AgentSpec, Runtime
from killswitch_console.assembling import engine_settings
from killswitch_console.authority.invoker import current_invoker
from killswitch_console.config import load_configuration
from killswitch_console.halting.engine import Engine, open_engine
from killswitch_console.halting.events import EngineEvent, Warned
from killswitch_console.halting.record import HaltRecord
from killswitch_inventory.scopes import Scope
from simulated import Simulated, running
from worldview import aws_client

AGENTS = 6


def fleet() -> list[AgentSpec]:
    return [
        AgentSpec(name=f"a{n}", agent_class="c", tenant="t", runtime=Runtime.LAMBDA, timeout=1) for n in range(AGENTS)
    ]


def marked(sim: Simulated) -> set[str]:
    """The halts that the functions' tags name."""
    functions = aws_client(sim, "lambda")
    tags = [functions.get_function(FunctionName=f"a{n}").get("Tags", {}) for n in range(AGENTS)]
    return {one.get(HALT_ID, "") for one in tags}


async def halted(engine: Engine, timeout: float | None = None) -> HaltRecord:
    await engine.discover()
    plan = await engine.plan(Scope.parse("class:c"))
    return await engine.halt(plan, invoker=current_invoker(), reason="test", accept_collateral=True, timeout=timeout)


async def test_closing_waits_for_the_marks_of_a_halt_that_is_over() -> None:
    async with running(specs=fleet()) as sim:
        settings = engine_settings(load_configuration(sim.config_path))
        sim.faults.add(operation="lambda.TagResource", kind="latency", seconds=2.0)
        async with open_engine(settings) as engine:
            record = await halted(engine, timeout=0.5)
            assert marked(sim) == {""}
        assert marked(sim) == {record.header.halt_id}
        async with open_engine(settings) as engine:
            warnings = (await engine.record(record.header.halt_id)).warnings
            assert not any("halt mark" in warning for warning in warnings)


async def test_what_closing_does_not_wait_for_is_said_and_kept_and_a_resume_writes_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(marking, "STALLED_SECONDS", 0.5)
    said: list[EngineEvent] = []
    async with running(specs=fleet()) as sim:
        settings = engine_settings(load_configuration(sim.config_path))
        sim.faults.add(operation="lambda.TagResource", kind="error", status=500)
        async with open_engine(settings, said.append) as engine:
            record = await halted(engine)
        halt_id = record.header.halt_id
        assert marked(sim) == {""}
        assert any("6 halted targets carry no halt mark" in event.text for event in said if isinstance(event, Warned))
        sim.faults.clear()
        async with open_engine(settings) as engine:
            await engine.discover()
            (warning,) = (await engine.record(halt_id)).warnings
            assert "`hold` or `resume` writes what is missing" in warning
            await engine.resume(halt_id)
        assert marked(sim) == {halt_id}
        async with open_engine(settings) as engine:
            await engine.discover()
            back = await engine.restore(halt_id, invoker=current_invoker(), reason="test")
            assert back.verdict == "restored"
        assert marked(sim) == {""}
