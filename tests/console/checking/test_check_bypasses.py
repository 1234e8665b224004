"""``check`` tells what was turned off behind the console's back, and who did it; the trail keeps it."""

from __future__ import annotations

import asyncio
from typing import Any

from console_command import answer
from killswitch_backends.simulator.seams import AgentSpec, Runtime
from simulated import Simulated, eventually, running
from worldview import aws_client


def about(report: dict[str, Any], section: str) -> list[dict[str, Any]]:
    return [finding for finding in report["findings"] if finding["section"] == section]


def logged(sim: Simulated) -> bool:
    resource = {"AttributeKey": "ResourceName", "AttributeValue": "refund"}
    return bool(aws_client(sim, "cloudtrail").lookup_events(LookupAttributes=[resource])["Events"])


async def test_a_function_zeroed_by_hand_is_found_with_who_did_it_and_recorded_once() -> None:
    spec = AgentSpec(name="refund", agent_class="c", tenant="t", runtime=Runtime.LAMBDA, role="refund")
    async with running(specs=[spec]) as sim:
        functions = aws_client(sim, "lambda")
        await asyncio.to_thread(
            functions.put_function_concurrency, FunctionName="refund", ReservedConcurrentExecutions=0
        )
        await eventually(lambda: logged(sim))
        for _ in range(2):
            report = await answer(sim.config_path, "check", code=4)
        (finding,) = about(report, "bypasses")
        assert (finding["subject"], finding["standing"]) == ("lambda:sim/refund", "warning")
        assert "of refund), and no halt explains it: PutFunctionConcurrency" in finding["what"]
        assert "by arn:aws:iam::111122223333:user/operators/killswitch-operator" in finding["what"]
        (event,) = await answer(sim.config_path, "audit", "list", "--kind", "bypass.")
        assert (event["kind"], event["data"]["target"]) == ("bypass.found", "lambda:sim/refund")
        assert event["data"]["who"].endswith("killswitch-operator")
