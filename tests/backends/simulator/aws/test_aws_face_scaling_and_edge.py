"""Application Auto Scaling and CloudFront as unmodified clients see them, and what they do to functions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from aws_face import ServedFace, eventually, function_agent, refused, serving, unlimited

KEY = {"ServiceNamespace": "lambda", "ScalableDimension": "lambda:function:ProvisionedConcurrency"}
EDGE = "us-east-1"


@pytest.fixture(scope="module")
def served() -> Iterator[ServedFace]:
    with serving([function_agent("refund")], behaviour=unlimited(autoscaling=0.05)) as running:
        client = running.client("lambda")
        client.publish_version(FunctionName="refund")
        client.create_alias(FunctionName="refund", Name="kept", FunctionVersion="1")
        yield running


def kept(served: ServedFace) -> int:
    listed = served.client("lambda").list_provisioned_concurrency_configs(FunctionName="refund")
    return sum(one["RequestedProvisionedConcurrentExecutions"] for one in listed["ProvisionedConcurrencyConfigs"])


def test_what_is_registered_is_kept_until_it_is_suspended(served: ServedFace) -> None:
    scaling, functions = served.client("application-autoscaling"), served.client("lambda")
    key = {**KEY, "ResourceId": "function:refund:kept"}
    with refused("ValidationException"):
        scaling.register_scalable_target(**key)  # a new one needs its capacities
    scaling.register_scalable_target(**key, MinCapacity=2, MaxCapacity=4)
    eventually(lambda: kept(served) == 2)
    functions.delete_provisioned_concurrency_config(FunctionName="refund", Qualifier="kept")
    eventually(lambda: kept(served) == 2)
    state = {"DynamicScalingOutSuspended": True, "ScheduledScalingSuspended": True}
    scaling.register_scalable_target(**key, SuspendedState=state)
    (target,) = scaling.describe_scalable_targets(**KEY)["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 4)
    assert target["SuspendedState"] == {"DynamicScalingInSuspended": False, **state}
    functions.delete_provisioned_concurrency_config(FunctionName="refund", Qualifier="kept")
    assert kept(served) == 0
    scaling.deregister_scalable_target(**key)
    with refused("ObjectNotFoundException"):
        scaling.deregister_scalable_target(**key)


def test_nothing_is_kept_beyond_a_reservation_of_zero(served: ServedFace) -> None:
    scaling, functions = served.client("application-autoscaling"), served.client("lambda")
    key = {**KEY, "ResourceId": "function:refund:kept"}
    functions.put_function_concurrency(FunctionName="refund", ReservedConcurrentExecutions=0)
    scaling.register_scalable_target(**key, MinCapacity=1, MaxCapacity=1)
    served.inside(lambda: served.face._autoscaling._concurrency.raise_to("eu-central-1", "refund", "kept", 1))
    assert kept(served) == 0
    functions.delete_function_concurrency(FunctionName="refund")
    eventually(lambda: kept(served) == 1)
    scaling.deregister_scalable_target(**key)


def distribution(arn: str) -> dict[str, Any]:
    origin = {"HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "https-only"}
    associations = {"Quantity": 1, "Items": [{"LambdaFunctionARN": arn, "EventType": "viewer-request"}]}
    return {
        "CallerReference": arn,
        "Comment": "a & b",
        "Enabled": True,
        "Origins": {"Quantity": 1, "Items": [{"Id": "o", "DomainName": "o.example", "CustomOriginConfig": origin}]},
        "DefaultCacheBehavior": {
            "TargetOriginId": "o",
            "ViewerProtocolPolicy": "https-only",
            "LambdaFunctionAssociations": associations,
        },
    }


def test_distributions_are_listed_by_pages_with_what_they_run(served: ServedFace) -> None:
    cloudfront = served.client("cloudfront", region=EDGE)
    arns = {f"arn:aws:lambda:{EDGE}:111122223333:function:f{number}:1" for number in range(3)}
    for arn in arns:
        cloudfront.create_distribution(DistributionConfig=distribution(arn))
    pages = cloudfront.get_paginator("list_distributions").paginate(PaginationConfig={"PageSize": 2})
    found = [one for page in pages for one in page["DistributionList"]["Items"]]
    behaviours = [one["DefaultCacheBehavior"]["LambdaFunctionAssociations"]["Items"] for one in found]
    assert {items[0]["LambdaFunctionARN"] for items in behaviours} == arns
    assert {one["Comment"] for one in found} == {"a & b"}


@pytest.mark.parametrize(
    "arn", ["arn:aws:lambda:eu-central-1:1:function:f:1", f"arn:aws:lambda:{EDGE}:1:function:f:live"]
)
def test_only_a_numbered_version_of_us_east_1_runs_at_the_edge(served: ServedFace, arn: str) -> None:
    cloudfront = served.client("cloudfront", region=EDGE)
    with refused("InvalidLambdaFunctionAssociation") as answer:
        cloudfront.create_distribution(DistributionConfig=distribution(arn))
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert not any(
        one["DefaultCacheBehavior"]["LambdaFunctionAssociations"]["Items"][0]["LambdaFunctionARN"] == arn
        for one in cloudfront.list_distributions()["DistributionList"].get("Items", [])
    )
