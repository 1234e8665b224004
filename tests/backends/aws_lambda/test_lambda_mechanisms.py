"""Functions that a reservation of 0 alone does not stop: durable executions, Managed Instances, earlier Timeouts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from aws_asking import captured, halted, opened, order, patiently, planned, seen
from aws_servers import Names, Server
from killswitch_backends.aws_lambda import KIND
from killswitch_backends.aws_lambda.bounds import CLOCK_SLACK, RunLimits
from killswitch_backends.aws_lambda.functions import Function
from killswitch_backends.aws_lambda.settings import LambdaSettings
from killswitch_backends.protocol import Sight, Watch
from simulated import eventually

PROVIDER = {
    "LambdaManagedInstancesCapacityProviderConfig": {
        "CapacityProviderArn": "arn:aws:lambda:eu-central-1:111122223333:capacity-provider:agents"
    }
}


def make(server: Server, **more: Any) -> str:
    name = Names.new("agent")
    server.make_function(name, server.make_role(Names.new("role")), **more)
    return name


def statuses(server: Server, name: str) -> list[str]:
    found = server.client("lambda").list_durable_executions_by_function(FunctionName=name)["DurableExecutions"]
    return sorted(one["Status"] for one in found)


def durable(server: Server, executions: int) -> str:
    """A durable function with some executions under way."""
    name = make(server, DurableConfig={"ExecutionTimeout": 3600, "RetentionPeriodInDays": 1})
    for number in range(executions):
        server.client("lambda").invoke(FunctionName=name, InvocationType="Event", DurableExecutionName=f"task-{number}")
    return name


async def test_durable_executions_are_paused_with_proof_and_resumed(simulator: Server) -> None:
    name = durable(simulator, 2)
    async with opened(KIND, simulator.functions()) as backend:
        plan = await planned(backend, name)
        assert "pause 2 durable executions" in plan.action
        watch = await halted(backend, name)
        assert len(watch.accepted.halted["paused"]) == 2
        proof = await seen(backend, watch, Sight.STOPPED)
        assert proof.evidence is not None
        assert "2 durable executions read paused" in proof.evidence.detail
        assert statuses(simulator, name) == ["PAUSED", "PAUSED"]
        await patiently(lambda: backend.restore(watch, order()))
    await eventually(lambda: statuses(simulator, name) == ["RUNNING", "RUNNING"])


async def test_an_execution_that_was_paused_before_stays_paused_also_from_another_bastion(simulator: Server) -> None:
    name, client = durable(simulator, 2), simulator.client("lambda")
    found = client.list_durable_executions_by_function(FunctionName=name)["DurableExecutions"]
    own = found[0]["DurableExecutionArn"]
    client.pause_durable_execution(DurableExecutionArn=own, Reason="looking into it")
    await eventually(lambda: "PAUSED" in statuses(simulator, name))
    async with opened(KIND, simulator.functions()) as backend:
        watch = await halted(backend, name, halt_id="halt-durable")
        assert watch.captured.prior["durable"][own] == "PAUSED"
        await seen(backend, watch, Sight.STOPPED)
        await patiently(lambda: backend.restore(watch, order("halt-durable")))
    await eventually(lambda: statuses(simulator, name) == ["PAUSED", "RUNNING"])
    assert client.get_durable_execution(DurableExecutionArn=own)["Status"] == "PAUSED"


async def test_another_bastion_resumes_what_a_halt_paused(simulator: Server) -> None:
    name = durable(simulator, 1)
    async with opened(KIND, simulator.functions()) as backend:
        watch = await halted(backend, name, halt_id="halt-d")
        await seen(backend, watch, Sight.STOPPED)
    async with opened(KIND, simulator.functions()) as elsewhere:
        found = await captured(elsewhere, watch.target)
        assert found.marked_by == "halt-d"
        assert found.prior["durable"] == watch.captured.prior["durable"]
        theirs = Watch(found, replace(watch.accepted, halted={}))
        await patiently(lambda: elsewhere.restore(theirs, order("halt-d")))
    await eventually(lambda: statuses(simulator, name) == ["RUNNING"])


def scaling(server: Server, name: str, version: str) -> dict[str, int]:
    client = server.client("lambda")
    answer = client.get_function_scaling_config(FunctionName=name, Qualifier=version)
    return dict(answer["RequestedFunctionScalingConfig"])


async def test_managed_instances_are_scaled_to_none_and_back(simulator: Server) -> None:
    name, client = make(simulator, CapacityProviderConfig=PROVIDER), simulator.client("lambda")
    versions = [client.publish_version(FunctionName=name)["Version"] for _ in range(2)]
    own = {"MinExecutionEnvironments": 2, "MaxExecutionEnvironments": 5}
    client.put_function_scaling_config(FunctionName=name, Qualifier=versions[0], FunctionScalingConfig=own)
    async with opened(KIND, simulator.functions()) as backend:
        plan = await planned(backend, name)
        assert plan.unsupported is None
        assert "scale to 0 environments on 1, 2" in plan.action
        watch = await halted(backend, name)
        assert scaling(simulator, name, "1") == {"MinExecutionEnvironments": 0, "MaxExecutionEnvironments": 0}
        proof = await seen(backend, watch, Sight.STOPPED)
        assert proof.evidence is not None
        assert "deactivated" in proof.evidence.detail
        await patiently(lambda: backend.restore(watch, order()))
    assert scaling(simulator, name, "1") == own
    assert scaling(simulator, name, "2") == {}


async def test_managed_instances_that_somebody_scales_up_are_seen_acting(simulator: Server) -> None:
    name, client = make(simulator, CapacityProviderConfig=PROVIDER), simulator.client("lambda")
    client.publish_version(FunctionName=name)
    own = {"MinExecutionEnvironments": 1, "MaxExecutionEnvironments": 1}
    async with opened(KIND, simulator.functions()) as backend:
        watch = await halted(backend, name)
        client.put_function_scaling_config(FunctionName=name, Qualifier="1", FunctionScalingConfig=own)
        assert "environments again on 1" in (await seen(backend, watch, Sight.ACTING)).note


async def test_the_scaling_of_managed_instances_travels_in_tags(simulator: Server) -> None:
    name, client = make(simulator, CapacityProviderConfig=PROVIDER), simulator.client("lambda")
    client.publish_version(FunctionName=name)
    own = {"MinExecutionEnvironments": 3, "MaxExecutionEnvironments": 7}
    client.put_function_scaling_config(FunctionName=name, Qualifier="1", FunctionScalingConfig=own)
    async with opened(KIND, simulator.functions()) as backend:
        watch = await halted(backend, name, halt_id="halt-m")
    async with opened(KIND, simulator.functions()) as elsewhere:
        found = await captured(elsewhere, watch.target)
        assert found.prior == watch.captured.prior
        theirs = Watch(found, replace(watch.accepted, halted={}))
        await patiently(lambda: elsewhere.restore(theirs, order("halt-m")))
    assert scaling(simulator, name, "1") == own


def _no_destination(_server: Server, _name: str) -> None:
    """Nothing takes failed events."""


def _destination(server: Server, name: str) -> None:
    server.client("lambda").put_function_event_invoke_config(
        FunctionName=name, DestinationConfig={"OnFailure": {"Destination": "arn:aws:sqs:eu-central-1:1:lost"}}
    )


@pytest.mark.parametrize(("arrange", "warned"), [(_no_destination, True), (_destination, False)])
async def test_lost_events_are_warned_of_only_where_nothing_takes_them(
    simulator: Server, arrange: Callable[[Server, str], None], warned: bool
) -> None:
    name = make(simulator)
    arrange(simulator, name)
    async with opened(KIND, simulator.functions()) as backend:

        async def as_expected() -> bool:
            return any("are lost" in risk for risk in (await planned(backend, name)).risks) is warned

        # a throttled look at the destination warns as well: look again until it was seen
        await eventually(as_expected, within=15, every=0.2)


NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def function(modified: datetime | None) -> Function:
    return Function(name="f", arn="arn", role="role", timeout=30, modified=modified)


@pytest.mark.parametrize(
    ("modified", "seconds"),
    [
        (None, 40),
        (NOW - timedelta(days=1), 40),
        (NOW - timedelta(seconds=100), 810),
        (NOW + timedelta(seconds=3), 910),  # their clock is ahead of ours
    ],
)
def test_the_bound_counts_initialising_and_a_timeout_lowered_just_before(
    modified: datetime | None, seconds: int
) -> None:
    limits = RunLimits.of(LambdaSettings(name="prod"))
    assert limits.end_of_runs(NOW, 30, function(modified)) == NOW + timedelta(seconds=seconds) + CLOCK_SLACK


async def test_a_draining_function_counts_down(simulator: Server) -> None:
    name = make(simulator, timeout=3)
    async with opened(KIND, simulator.functions()) as backend:
        watch = await halted(backend, name)
        observation = await seen(backend, watch, Sight.DRAINING)
    assert "drained no later than" in observation.note
    assert observation.note.endswith(" s")
