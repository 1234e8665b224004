"""What was turned off behind the console's back: seen as off without a mark, and who did it from CloudTrail."""

from __future__ import annotations

import asyncio
from typing import Any

from aws_asking import listed, opened
from aws_servers import Names, Server
from killswitch_backends.attribution import Attributing, Deed
from killswitch_backends.aws_iam import KIND as IAM
from killswitch_backends.aws_iam.denial import denial
from killswitch_backends.aws_lambda import KIND as LAMBDA
from killswitch_backends.protocol import Backend
from killswitch_inventory.targets import TargetId


async def told(backend: Backend, path: str) -> Deed:
    """Who did it, once the trail tells."""
    assert isinstance(backend, Attributing)
    target = TargetId(backend.ref, path)
    async with asyncio.timeout(15):
        while True:
            found: dict[TargetId, Deed] = dict(await backend.deeds([target]))
            if target in found:
                return found[target]
            await asyncio.sleep(0.2)


async def test_a_function_at_zero_that_no_halt_marked_is_told_with_who_did_it(simulator: Server) -> None:
    name = Names.new("agent")
    simulator.make_function(name, simulator.make_role(Names.new("role")))
    simulator.client("lambda").put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    async with opened(LAMBDA, simulator.functions()) as backend:
        await _swept(backend, name)
        deed = await told(backend, name)
    assert deed.action.startswith("PutFunctionConcurrency")
    assert deed.who.endswith(":user/operators/killswitch-operator")


async def _swept(backend: Any, name: str) -> None:
    """Wait until the sight stream has read the function and shows it off, without a mark."""
    async with asyncio.timeout(20):
        stream = backend.sight()
        async for sighting in stream:
            target = getattr(sighting, "target", None)
            if target is not None and target.path == name and sighting.off:
                assert sighting.mark is None
                break
        await stream.aclose()


async def test_a_role_denied_by_hand_is_told_with_who_did_it(simulator: Server) -> None:
    name = Names.new("role")
    simulator.make_role(name)
    simulator.client("iam").put_role_policy(
        RoleName=name, PolicyName="stop", PolicyDocument=denial("x").replace("KillswitchConsole", "")
    )
    async with opened(IAM, simulator.table()) as backend:
        sighting = (await listed(backend))[f"role/{name}"]
        assert sighting.off
        assert sighting.mark is None
        assert (await told(backend, f"role/{name}")).action == "PutRolePolicy"
