"""The rights that ``policy aws`` prints are those of the calls that the backends make: recorded, and compared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from aws_asking import captured, halted, listed, opened, order, patiently, planned, seen
from aws_servers import Names, Server
from killswitch_backends.attribution import Attributing
from killswitch_backends.aws_common.checking import Need
from killswitch_backends.aws_iam import KIND as IAM
from killswitch_backends.aws_iam.rights import needs as iam_needs
from killswitch_backends.aws_iam.settings import IamSettings
from killswitch_backends.aws_lambda import KIND as LAMBDA
from killswitch_backends.aws_lambda.edge import EDGE_REGION
from killswitch_backends.aws_lambda.rights import NEEDS
from killswitch_backends.protocol import Backend, Sight, Watch
from killswitch_backends.restores import ForeseesRestores
from killswitch_inventory.targets import TargetId

PROVIDER = {
    "LambdaManagedInstancesCapacityProviderConfig": {
        "CapacityProviderArn": "arn:aws:lambda:eu-central-1:111122223333:capacity-provider:agents"
    }
}
PREFIXES = {"tagging": "tag"}
OPEN = "sts:GetCallerIdentity"
"""The one call that AWS lets everybody make."""


def recorded(server: Server) -> set[str]:
    """The IAM actions of all calls made since the requests were forgotten."""
    services = (
        "lambda", "iam", "sts", "tagging", "cloudwatch", "eks", "cloudtrail", "application-autoscaling", "cloudfront",
    )  # fmt: skip
    calls = (one.partition(".") for one in server.sim.counts())
    return {f"{PREFIXES.get(service, service)}:{name}" for service, _, name in calls if service in services} - {OPEN}


def actions(needs: tuple[Need, ...]) -> set[str]:
    return {need.action for need in needs}


async def there_and_back(backend: Backend, path: str, *, halt_id: str = "h") -> Watch:
    watch = await halted(backend, path, halt_id=halt_id)
    await seen(backend, watch, Sight.STOPPED)
    await patiently(lambda: backend.restore(watch, order(halt_id)))
    return watch


def functions_of_every_kind(server: Server) -> tuple[str, str, str]:
    client, role = server.client("lambda"), server.make_role(Names.new("role"))
    plain, durable, managed = (Names.new(word) for word in ("plain", "durable", "managed"))
    server.make_function(plain, role)
    server.feed(plain, Names.new("queue"))
    version = client.publish_version(FunctionName=plain)["Version"]
    client.put_provisioned_concurrency_config(FunctionName=plain, Qualifier=version, ProvisionedConcurrentExecutions=1)
    server.client("application-autoscaling").register_scalable_target(
        ServiceNamespace="lambda", ScalableDimension="lambda:function:ProvisionedConcurrency",
        ResourceId=f"function:{plain}:{version}", MinCapacity=1, MaxCapacity=2,
    )  # fmt: skip
    server.make_function(durable, role, DurableConfig={"ExecutionTimeout": 60, "RetentionPeriodInDays": 1})
    client.invoke(FunctionName=durable, InvocationType="Event")
    server.make_function(managed, role, CapacityProviderConfig=PROVIDER)
    client.publish_version(FunctionName=managed)
    return plain, durable, managed


def function_in(server: Server, region: str) -> str:
    name = Names.new("far")
    server.make_function(name, server.make_role(Names.new("role")), region=region)
    server.client("lambda", region).publish_version(FunctionName=name)
    return name


async def test_lambda_calls_what_its_policy_allows_and_nothing_else(simulator: Server) -> None:
    plain, durable, managed = functions_of_every_kind(simulator)
    at_the_edge = function_in(simulator, EDGE_REGION)
    simulator.sim.forget_requests()
    async with opened(LAMBDA, simulator.functions(region=EDGE_REGION)) as backend:
        await planned(backend, at_the_edge)
    async with opened(LAMBDA, simulator.functions()) as backend:
        await listed(backend)
        await planned(backend, plain)
        for name in (plain, managed):
            await there_and_back(backend, name)
        client = simulator.client("lambda")
        client.put_function_concurrency(FunctionName=plain, ReservedConcurrentExecutions=5)
        watch = await halted(backend, plain, halt_id="h-p")
        assert isinstance(backend, ForeseesRestores)
        await backend.foresee([watch], order("h-p"))
        watch = await halted(backend, durable, halt_id="h-d")
        await seen(backend, watch, Sight.STOPPED)
        assert isinstance(backend, Attributing)
        await backend.deeds([watch.target])
    async with opened(LAMBDA, simulator.functions()) as elsewhere:
        found = await captured(elsewhere, watch.target)
        theirs = Watch(found, replace(watch.accepted, halted={}))
        await patiently(lambda: elsewhere.restore(theirs, order("h-d")))
    unserved = {"sqs:GetQueueUrl", "sqs:GetQueueAttributes"}  # by the simulator; moto serves them (foreseeing)
    looking = {"iam:SimulatePrincipalPolicy"}  # `check` and plans of restores ask for rights with it; they do without
    assert recorded(simulator) - looking == actions(NEEDS) - unserved


@pytest.fixture
def faults(simulator: Server) -> Iterator[Any]:
    yield simulator.sim.faults
    simulator.sim.faults.clear()


async def test_iam_calls_what_its_policy_allows_and_nothing_else(simulator: Server, faults: Any) -> None:
    iam = simulator.client("iam")
    names = {kind: Names.new(kind) for kind in ("role", "user", "group")}
    arn = simulator.make_role(names["role"])
    iam.create_user(UserName=names["user"], Path="/agents/")
    iam.create_group(GroupName=names["group"], Path="/agents/")
    simulator.client("eks").create_pod_identity_association(
        clusterName="prod", namespace="n", serviceAccount="s", roleArn=arn
    )
    simulator.sim.forget_requests()
    more = {"probe": True, "eks_clusters": ["prod"], "propagation_seconds": 0}
    async with opened(IAM, simulator.table(**more)) as backend:
        for kind, name in names.items():
            await there_and_back(backend, f"{kind}/{name}")
            word = kind.capitalize()
            faults.add(operation=f"iam.Put{word}Policy", kind="error", status=409, code="LimitExceeded", count=1)
            await there_and_back(backend, f"{kind}/{name}", halt_id="h2")
        await backend.preflight([TargetId(backend.ref, f"group/{names['group']}")])
        assert isinstance(backend, Attributing)
        await backend.deeds([TargetId(backend.ref, f"role/{names['role']}")])
        faults.add(operation="iam.GetAccountAuthorizationDetails", kind="error", status=403, code="AccessDenied")
        assert f"role/{names['role']}" in await listed(backend)
    probing = {"tag:GetResources"}  # made as the denied role, with its rights
    assert recorded(simulator) - probing == actions(iam_needs(IamSettings.model_validate(simulator.table(**more))))
