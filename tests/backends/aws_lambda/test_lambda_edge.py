"""Functions that CloudFront runs at the edge have no sound mechanism: they are found, named, and left alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from aws_asking import listed, opened, patiently, planned
from aws_servers import STARTERS, Names, Server, warmed
from killswitch_backends.aws_lambda import KIND
from killswitch_backends.aws_lambda.edge import EDGE_REGION
from killswitch_backends.aws_lambda.functions import Function
from killswitch_backends.protocol import Backend, Preflight
from simulated import eventually

ORIGIN = {
    "Id": "site",
    "DomainName": "site.example",
    "CustomOriginConfig": {"HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "https-only"},
}


@pytest.fixture(scope="module", params=["simulator", "ministack"])
def edge(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The servers whose distributions tell which functions they run (moto's do not)."""
    with STARTERS[request.param](tmp_path_factory.mktemp(f"edge-{request.param}")) as running:
        yield warmed(running)


def function(server: Server) -> tuple[str, str]:
    """A function in us-east-1 with a version that can be put at the edge; its name and the version's ARN."""
    name, client = Names.new("agent"), server.client("lambda", EDGE_REGION)
    server.make_function(name, server.make_role(Names.new("role")), region=EDGE_REGION)
    return name, client.publish_version(FunctionName=name)["FunctionArn"]


def behaviour(arn: str | None) -> dict[str, Any]:
    items = [{"LambdaFunctionARN": arn, "EventType": "viewer-request"}] if arn else []
    associations = {"Quantity": len(items)} | ({"Items": items} if items else {})
    return {
        "TargetOriginId": "site",
        "ViewerProtocolPolicy": "https-only",
        "LambdaFunctionAssociations": associations,
        "ForwardedValues": {"QueryString": False, "Cookies": {"Forward": "none"}},
        "MinTTL": 0,
    }


def distribution(server: Server, *, default: str | None = None, further: str | None = None) -> str:
    """A distribution whose behaviours run these versions; its id."""
    behaviours = [{"PathPattern": "/api/*", **behaviour(further)}] if further else []
    config = {
        "CallerReference": Names.new("call"),
        "Comment": "",
        "Enabled": True,
        "Origins": {"Quantity": 1, "Items": [ORIGIN]},
        "DefaultCacheBehavior": behaviour(default),
        "CacheBehaviors": {"Quantity": len(behaviours)} | ({"Items": behaviours} if behaviours else {}),
    }
    created = server.client("cloudfront", EDGE_REGION).create_distribution(DistributionConfig=config)
    return str(created["Distribution"]["Id"])


async def read_plan(backend: Backend, name: str) -> Preflight:
    """The plan, once a slow emulator has told of its distributions."""
    plans: list[Preflight] = []

    async def told() -> bool:
        plans.append(await planned(backend, name))
        return not any("CloudFront" in risk for risk in plans[-1].risks)

    await eventually(told, within=60)
    return plans[-1]


async def test_a_function_at_the_edge_is_unsupported_with_its_distribution_and_what_to_do(edge: Server) -> None:
    (first, version), (second, other), (plain, _) = function(edge), function(edge), function(edge)
    default, further = distribution(edge, default=version), distribution(edge, further=other)
    async with opened(KIND, edge.functions(region=EDGE_REGION)) as backend:
        plans = {name: await read_plan(backend, name) for name in (first, second, plain)}
        sighted = await listed(backend)
    for name, where in ((first, default), (second, further)):
        reason = plans[name].unsupported or ""
        assert f"(distribution {where})" in reason
        assert "take the function off its CloudFront distribution" in reason
        assert name in sighted
    assert plans[plain].unsupported is None


async def test_other_regions_ask_cloudfront_nothing(simulator: Server) -> None:
    name, client = Names.new("agent"), simulator.client("lambda")
    simulator.make_function(name, simulator.make_role(Names.new("role")))
    client.publish_version(FunctionName=name)
    simulator.sim.forget_requests()
    async with opened(KIND, simulator.functions()) as backend:
        assert (await planned(backend, name)).unsupported is None
    assert "cloudfront.ListDistributions" not in simulator.sim.counts()


async def test_distributions_that_may_not_be_listed_are_a_risk(simulator: Server) -> None:
    name, _ = function(simulator)
    simulator.sim.faults.add(operation="cloudfront.ListDistributions", kind="error", status=403)
    try:
        async with opened(KIND, simulator.functions(region=EDGE_REGION)) as backend:
            plan = await planned(backend, name)
    finally:
        simulator.sim.faults.clear()
    assert plan.unsupported is None
    assert any("CloudFront's distributions, which may run it at the edge" in risk for risk in plan.risks)


async def test_a_replica_is_unsupported_by_its_name_and_by_its_master(simulator: Server) -> None:
    async with opened(KIND, simulator.functions()) as backend:
        plan = await patiently(lambda: planned(backend, "us-east-1.greeter"))
    assert "replica" in (plan.unsupported or "")
    master = "arn:aws:lambda:us-east-1:111122223333:function:greeter:1"
    assert Function.of({"FunctionName": "us-east-1.greeter", "MasterArn": master}).edge_replica


async def test_capacity_of_an_unknown_kind_is_unsupported(simulator: Server) -> None:
    name = Names.new("agent")
    role = simulator.make_role(Names.new("role"))
    simulator.make_function(name, role)
    simulator.sim.inside(lambda sim: _move_to_unknown_capacity(sim, name))
    async with opened(KIND, simulator.functions()) as backend:
        plan = await planned(backend, name)
    assert "a kind that this console does not know" in (plan.unsupported or "")


def _move_to_unknown_capacity(sim: Any, name: str) -> None:
    from dataclasses import replace

    (face,) = (face for face in sim.faces if face.prefix == "/aws")
    made = face._functions.regions["eu-central-1"].functions[name]
    made.settings = replace(made.settings, further={"CapacityProviderConfig": {"SomethingOfNextYear": {}}})
