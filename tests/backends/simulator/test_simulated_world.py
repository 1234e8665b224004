"""The whole world: agents on all platforms act, and each platform's own SDK stops one, by the written configuration."""

from __future__ import annotations

import asyncio
import json
import time
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import kubernetes
import pytest
from botocore.config import Config

from killswitch_backends.simulator.seams import AgentSpec, Runtime
from simulated import Simulated, eventually, process, running

DENY = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]})


def settings(sim: Simulated, kind: str) -> dict[str, Any]:
    """The only table of a kind in the configuration that the simulator wrote."""
    (table,) = tomllib.loads(sim.config_path.read_text())[kind]
    return dict(table)


def aws(sim: Simulated, service: str) -> Any:
    """A client made from nothing but the configuration."""
    table = settings(sim, service)
    core = botocore.session.Session(profile=table["profile"])
    core.set_config_variable("credentials_file", table["credentials_file"])
    return boto3.Session(botocore_session=core, region_name=table["region"]).client(
        service,  # type: ignore[call-overload]
        endpoint_url=table["endpoint_url"],
        config=Config(retries={"total_max_attempts": 1}),
    )


def scale_to_zero(sim: Simulated, spec: AgentSpec) -> None:
    table = settings(sim, "kubernetes")
    with kubernetes.config.new_client_from_config(table["kubeconfig"], table["context"]) as client:
        body = {"spec": {"replicas": 0}}
        kubernetes.client.AppsV1Api(client).patch_namespaced_deployment_scale(spec.name, spec.namespace, body)


def reserve_zero(sim: Simulated, spec: AgentSpec) -> None:
    client = aws(sim, "lambda")
    client.put_function_concurrency(FunctionName=spec.name, ReservedConcurrentExecutions=0)
    client.close()


def deny_role(sim: Simulated, spec: AgentSpec) -> None:
    client = aws(sim, "iam")
    client.put_role_policy(RoleName=spec.role, PolicyName="deny", PolicyDocument=DENY)
    client.close()


def turn_flag_off(sim: Simulated, spec: AgentSpec) -> None:
    import urllib.request

    table = settings(sim, "launchdarkly")
    change = {"environmentKey": table["environment"], "instructions": [{"kind": "turnFlagOff"}]}
    headers = {
        "Authorization": Path(table["token"].removeprefix("file:")).read_text().strip(),
        "Content-Type": "application/json; domain-model=launchdarkly.semanticpatch",
    }
    url = f"{table['base_uri']}/api/v2/flags/{table['project']}/{spec.flag}"
    request = urllib.request.Request(url, json.dumps(change).encode(), headers, method="PATCH")
    urllib.request.urlopen(request).close()


def quiet_for(sim: Simulated, agent: str, seconds: float) -> bool:
    last = sim.last_action(agent)
    return last is not None and (datetime.now(UTC) - last).total_seconds() > seconds


@pytest.fixture
def _no_platform_variables(monkeypatch, tmp_path):
    """Variables that would lead astray whoever looked at them."""
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "KUBECONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.mark.usefixtures("_no_platform_variables")
async def test_each_platform_stops_an_agent_by_its_own_sdk_and_nobody_else():
    async with running(agents=16, seed=4) as sim:
        on_kubernetes = [spec for spec in sim.specs if spec.runtime is Runtime.KUBERNETES]
        halts: dict[str, Callable[[Simulated, AgentSpec], None]] = {
            on_kubernetes[0].name: scale_to_zero,
            sim.spec(Runtime.LAMBDA).name: reserve_zero,
            on_kubernetes[1].name: deny_role,
            on_kubernetes[2].name: turn_flag_off,
        }
        by_name = {spec.name: spec for spec in sim.specs}
        await sim.all_acting()
        async with asyncio.TaskGroup() as work:
            for name, halt in halts.items():
                work.create_task(asyncio.to_thread(halt, sim, by_name[name]))
        await eventually(lambda: all(quiet_for(sim, name, 2.5) for name in halts), within=20)
        truth = sim.truth()
        assert [truth[name]["running"] for name in halts][:2] == [0, 0]
        assert truth[on_kubernetes[1].name]["denied"] > 0
        assert truth[on_kubernetes[1].name]["running"] == on_kubernetes[1].replicas
        assert truth[on_kubernetes[2].name]["flag_version"] > 1
        await sim.all_acting(*(set(by_name) - set(halts)))


async def test_everyone_acts_whatever_layer_they_lack():
    async with running(agents=10, seed=9, uncovered=3) as sim:
        await sim.all_acting()
        truth = sim.truth()
        for spec in sim.specs:
            assert truth[spec.name]["denied"] == 0
            if spec.runtime is Runtime.KUBERNETES:
                assert truth[spec.name]["running"] == spec.replicas
            assert truth[spec.name]["running"] <= max(spec.replicas, 1)


async def test_the_time_of_an_action_is_that_of_the_machine():
    async with running(agents=4, seed=2) as sim:
        before = time.time()
        await sim.all_acting()
        for spec in sim.specs:
            last = sim.last_action(spec.name)
            assert last is not None
            assert before - 0.001 <= last.timestamp() <= time.time()


async def test_a_process_of_its_own_serves_all_platforms():
    async with process(agents=6, seed=3) as sim:
        await sim.all_acting()
        truth = sim.truth()
        assert set(truth) == {spec.name for spec in sim.specs}
        assert all(one["actions"] > 0 and one["denied"] == 0 for one in truth.values())


async def test_a_test_can_reach_into_a_simulator_of_its_own_process():
    async with running(agents=3) as sim:
        assert sim.inside(lambda simulator: [face.prefix for face in simulator.faces]) == [
            "/kubernetes",
            "/aws",
            "/launchdarkly",
        ]
