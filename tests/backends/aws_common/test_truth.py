"""What the backends call stopped, held against what the simulated agents really did."""

from __future__ import annotations

import asyncio
import tomllib

from aws_asking import halted, opened, order, patiently, seen
from killswitch_backends.aws_iam import KIND as IAM
from killswitch_backends.aws_lambda import KIND as LAMBDA
from killswitch_backends.protocol import Sight
from killswitch_backends.simulator.seams import AgentSpec, Runtime
from simulated import Simulated, running

SPECS = [
    AgentSpec(name="by-process", agent_class="c", tenant="t", runtime=Runtime.LAMBDA, replicas=3, timeout=2, tick=0.1),
    AgentSpec(
        name="by-credential",
        agent_class="c",
        tenant="t",
        runtime=Runtime.LAMBDA,
        timeout=2,
        tick=0.1,
        role="by-credential-role",
    ),
    AgentSpec(name="bystander", agent_class="c", tenant="t", runtime=Runtime.LAMBDA, timeout=2, tick=0.1),
]


async def test_nothing_acts_after_its_evidence_and_all_act_again_after_the_restore() -> None:
    async with running(specs=SPECS) as sim:
        await sim.all_acting()
        tables = tomllib.loads(sim.config_path.read_text())
        async with opened(LAMBDA, tables["lambda"][0]) as functions, opened(IAM, tables["iam"][0]) as roles:
            watches = [await halted(functions, "by-process"), await halted(roles, "role/by-credential-role")]
            stopped = await asyncio.gather(
                seen(functions, watches[0], Sight.STOPPED), seen(roles, watches[1], Sight.STOPPED)
            )
            await sim.all_acting("bystander")
            for agent, observation in zip(("by-process", "by-credential"), stopped, strict=True):
                assert not acted_after(sim, agent, observation.at), agent
            await patiently(lambda: functions.restore(watches[0], order()))
            await patiently(lambda: roles.restore(watches[1], order()))
        await sim.all_acting("by-process", "by-credential")


def acted_after(sim: Simulated, agent: str, moment: object) -> bool:
    last = sim.last_action(agent)
    assert last is not None
    return bool(last > moment)  # type: ignore[operator]
