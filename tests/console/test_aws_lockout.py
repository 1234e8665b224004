"""A halt that would hit the identity this console acts as is refused whole, exit 3, on a real wire."""

from __future__ import annotations

import asyncio

import pytest

from console_command import console
from killswitch_backends.simulator.seams import AgentSpec, Runtime
from simulated import running
from worldview import worldview


@pytest.mark.parametrize("target", ["user/killswitch-operator", "group/killswitch-operators"])
async def test_a_halt_that_hits_the_invoker_or_its_group_is_refused_and_changes_nothing(target: str) -> None:
    spec = AgentSpec(name="refund", agent_class="c", tenant="t", runtime=Runtime.LAMBDA, role="refund")
    async with running(specs=[spec]) as sim:
        declared = f'[[agent]]\nname = "refund"\nclass = "c"\ntenant = "t"\ntargets = ["iam:sim/{target}"]\n'
        sim.config_path.write_text(sim.config_path.read_text() + declared)
        before = await asyncio.to_thread(worldview, sim)
        done = await console(sim.config_path, "halt", "agent:refund", "--reason", "test", "--confirm", "yes")
        assert done.returncode == 3, done.stderr
        assert f"iam:sim/{target}: refused, it carries the identity this console acts as, or through" in done.stderr
        assert "name it under [protect] targets to halt the rest" in done.stderr
        assert await asyncio.to_thread(worldview, sim) == before
