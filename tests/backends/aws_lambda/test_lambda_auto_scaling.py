"""What puts provisioned concurrency back by itself: suspended by a halt, resumed by its restore, as it was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from aws_asking import captured, halted, opened, order, patiently, planned
from aws_servers import STARTERS, Names, Server
from killswitch_backends.aws_lambda import KIND
from killswitch_backends.problems import Conflict
from killswitch_backends.protocol import Watch
from simulated import eventually

DIMENSION = {"ServiceNamespace": "lambda", "ScalableDimension": "lambda:function:ProvisionedConcurrency"}
NOTHING = {
    "DynamicScalingInSuspended": False,
    "DynamicScalingOutSuspended": False,
    "ScheduledScalingSuspended": False,
}
EVERYTHING = dict.fromkeys(NOTHING, True)
SCHEDULES = NOTHING | {"ScheduledScalingSuspended": True}


@pytest.fixture(scope="session", params=["simulator", "moto"])
def scaling(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The servers that have Application Auto Scaling."""
    with STARTERS[request.param](tmp_path_factory.mktemp(f"scaling-{request.param}")) as running:
        yield running


async def scaled(server: Server, *, least: int = 2, suspended: dict[str, bool] = NOTHING) -> str:
    """A function whose alias ``live`` is kept at some provisioned concurrency."""
    name, client = Names.new("agent"), server.client("lambda")
    server.make_function(name, server.make_role(Names.new("role")))
    version = client.publish_version(FunctionName=name)["Version"]
    client.create_alias(FunctionName=name, Name="live", FunctionVersion=version)
    server.client("application-autoscaling").register_scalable_target(
        ResourceId=f"function:{name}:live", MinCapacity=least, MaxCapacity=9, SuspendedState=suspended, **DIMENSION
    )
    if server.sim is not None and suspended != EVERYTHING:
        await eventually(lambda: provisioned(server, name) == least)
    return name


def target(server: Server, name: str) -> dict[str, Any]:
    answer = server.client("application-autoscaling").describe_scalable_targets(
        ResourceIds=[f"function:{name}:live"], **DIMENSION
    )
    (one,) = (found for found in answer["ScalableTargets"] if found["ResourceId"] == f"function:{name}:live")
    return {key: one[key] for key in ("MinCapacity", "MaxCapacity", "SuspendedState")}


def provisioned(server: Server, name: str) -> int:
    listed = server.client("lambda").list_provisioned_concurrency_configs(FunctionName=name)
    return sum(one["RequestedProvisionedConcurrentExecutions"] for one in listed["ProvisionedConcurrencyConfigs"])


@pytest.mark.parametrize("suspended", [NOTHING, SCHEDULES], ids=["scaling", "with-its-schedules-suspended"])
async def test_it_is_suspended_whole_and_comes_back_field_by_field(scaling: Server, suspended: dict[str, bool]) -> None:
    name = await scaled(scaling, suspended=suspended)
    before = target(scaling, name)
    async with opened(KIND, scaling.functions()) as backend:
        assert "suspend auto scaling of live" in (await planned(backend, name)).action
        watch = await halted(backend, name)
        assert target(scaling, name) == before | {"SuspendedState": EVERYTHING}
        await patiently(lambda: backend.restore(watch, order()))
    assert target(scaling, name) == before


async def test_another_bastion_resumes_what_a_halt_suspended(scaling: Server) -> None:
    name = await scaled(scaling)
    before = target(scaling, name)
    async with opened(KIND, scaling.functions()) as backend:
        watch = await halted(backend, name, halt_id="halt-s")
    async with opened(KIND, scaling.functions()) as elsewhere:
        found = await captured(elsewhere, watch.target)
        assert found.marked_by == "halt-s"
        assert found.prior["auto_scaling"] == {"live": [False, False, False]}
        theirs = Watch(found, replace(watch.accepted, halted={}))
        await patiently(lambda: elsewhere.restore(theirs, order("halt-s")))
    assert target(scaling, name) == before


async def test_one_that_was_suspended_whole_stays_so(scaling: Server) -> None:
    name = await scaled(scaling, suspended=EVERYTHING)
    async with opened(KIND, scaling.functions()) as backend:
        assert "auto scaling" not in (await planned(backend, name)).action
        watch = await halted(backend, name)
        await patiently(lambda: backend.restore(watch, order()))
    assert target(scaling, name)["SuspendedState"] == EVERYTHING


async def test_a_restore_leaves_what_somebody_else_made_of_it(scaling: Server) -> None:
    name = await scaled(scaling)
    async with opened(KIND, scaling.functions()) as backend:
        watch = await halted(backend, name)
        scaling.client("application-autoscaling").register_scalable_target(
            ResourceId=f"function:{name}:live", SuspendedState=SCHEDULES, **DIMENSION
        )
        with pytest.raises(Conflict, match="auto scaling of live"):
            await patiently(lambda: backend.restore(watch, order()))
    assert target(scaling, name)["SuspendedState"] == SCHEDULES


async def test_what_it_keeps_is_removed_for_good_and_kept_again_after_the_restore(simulator: Server) -> None:
    name = await scaled(simulator, least=3)
    simulator.sim.forget_requests()
    async with opened(KIND, simulator.functions()) as backend:
        watch = await halted(backend, name)
        assert provisioned(simulator, name) == 0
        changes = [one["operation"].partition(".")[2] for one in simulator.sim.requests() if one["applied"]]
        steps = ["RegisterScalableTarget", "DeleteProvisionedConcurrencyConfig", "PutFunctionConcurrency"]
        assert [one for one in changes if one in steps] == steps  # suspended before it could put anything back
        await patiently(lambda: backend.restore(watch, order()))
    assert provisioned(simulator, name) == 3
    simulator.client("lambda").delete_provisioned_concurrency_config(FunctionName=name, Qualifier="live")
    await eventually(lambda: provisioned(simulator, name) == 3)  # it scales again


@pytest.fixture
def faults(simulator: Server) -> Iterator[Any]:
    yield simulator.sim.faults
    simulator.sim.faults.clear()


async def test_a_missing_right_to_suspend_stops_no_halt_and_is_said(simulator: Server, faults: Any) -> None:
    name = await scaled(simulator)
    faults.add(operation="application-autoscaling.RegisterScalableTarget", kind="error", status=403)
    async with opened(KIND, simulator.functions()) as backend:
        watch = await halted(backend, name)
        assert "auto scaling of live is not suspended: not allowed" in watch.accepted.detail
        assert provisioned(simulator, name) == 0
        await patiently(lambda: backend.restore(watch, order()))
    assert target(simulator, name)["SuspendedState"] == NOTHING


async def test_what_cannot_be_looked_up_is_a_risk_of_functions_that_are_scaled(simulator: Server, faults: Any) -> None:
    name = await scaled(simulator)
    faults.add(operation="application-autoscaling.DescribeScalableTargets", kind="error", status=403)
    async with opened(KIND, simulator.functions()) as backend:
        risks = (await planned(backend, name)).risks
    assert any("auto scaling of its provisioned concurrency: not allowed" in risk for risk in risks)
