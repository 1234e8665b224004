"""Injected errors as each platform's own SDK understands them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import boto3
import cbor2
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from kubernetes import client as kubernetes

from killswitch_backends.simulator.faults import Rule
from killswitch_backends.simulator.server import Simulator
from small_face import small_faces

CALLS = {
    "lambda": ("lambda", "put_function_concurrency", {"FunctionName": "f", "ReservedConcurrentExecutions": 0}),
    "iam": ("iam", "put_role_policy", {"RoleName": "r", "PolicyName": "p", "PolicyDocument": "{}"}),
    "sts": ("sts", "get_caller_identity", {}),
    "tagging": ("resourcegroupstaggingapi", "get_resources", {}),
    "cloudwatch": ("cloudwatch", "list_metrics", {}),
}


@asynccontextmanager
async def struck(platform: str, **fault: Any) -> AsyncIterator[str]:
    """The address of a server on which every request meets this fault, as an operation of that platform."""
    simulator = Simulator((), seed=1, faces=small_faces(operation=f"{platform}.Any"))
    simulator.faults.add(Rule(**fault))
    async with simulator.serving() as url:
        yield f"{url}/small"


def call_aws(platform: str, url: str) -> dict[str, Any]:
    """The error that boto3 raises."""
    service, operation, parameters = CALLS[platform]
    client: Any = boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=url,
        region_name="eu-central-1",
        aws_access_key_id="AKIASIMULATOR0000001",
        aws_secret_access_key="made-up",
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )
    with pytest.raises(ClientError) as raised:
        getattr(client, operation)(**parameters)
    client.close()
    return dict(raised.value.response)


@pytest.mark.parametrize(
    ("platform", "status", "code"),
    [
        ("lambda", 429, "TooManyRequestsException"),
        ("iam", 400, "Throttling"),
        ("sts", 400, "Throttling"),
        ("tagging", 400, "ThrottledException"),
        ("cloudwatch", 400, "Throttling"),
    ],
)
async def test_boto3_understands_a_throttle(platform, status, code):
    async with struck(platform, kind="throttle", retry_after=2) as url:
        response = await asyncio.to_thread(call_aws, platform, url)
    assert (response["Error"]["Code"], response["Error"]["Message"]) == (code, "Rate exceeded")
    assert response["ResponseMetadata"]["HTTPStatusCode"] == status
    if platform == "lambda":
        assert (response["Reason"], response["retryAfterSeconds"]) == ("CallerRateLimitExceeded", "2")


@pytest.mark.parametrize(
    ("platform", "code"),
    [
        ("lambda", "AccessDeniedException"),
        ("iam", "AccessDenied"),
        ("sts", "AccessDenied"),
        ("tagging", "AccessDeniedException"),
        ("cloudwatch", "AccessDenied"),
    ],
)
async def test_boto3_understands_a_refusal(platform, code):
    async with struck(platform, kind="error", status=403, message="not <you>") as url:
        response = await asyncio.to_thread(call_aws, platform, url)
    assert (response["Error"]["Code"], response["Error"]["Message"]) == (code, "not <you>")
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 403


async def test_cloudwatch_answers_in_cbor_whoever_asks_in_cbor():
    headers = {"Content-Type": "application/cbor"}
    async with struck("cloudwatch", kind="throttle") as url, aiohttp.request("POST", url, headers=headers) as answer:
        assert answer.headers["smithy-protocol"] == "rpc-v2-cbor"
        assert cbor2.loads(await answer.read()) == {"__type": "Throttling", "message": "Rate exceeded"}


@pytest.mark.parametrize(("status", "reason"), [(401, "Unauthorized"), (409, "Conflict"), (500, "InternalError")])
async def test_the_kubernetes_client_understands_an_error(status, reason):
    async with struck("kubernetes", kind="error", status=status, message="no") as url:
        error = await asyncio.to_thread(call_kubernetes, url)
    assert error.status == status
    assert f'"reason": "{reason}"' in error.body


async def test_the_kubernetes_client_understands_a_throttle():
    async with struck("kubernetes", kind="throttle", retry_after=2) as url:
        error = await asyncio.to_thread(call_kubernetes, url)
    assert (error.status, error.headers["Retry-After"]) == (429, "2")


def call_kubernetes(url: str) -> kubernetes.ApiException:
    configuration = kubernetes.Configuration(host=url)
    with (
        kubernetes.ApiClient(configuration) as client,
        pytest.raises(kubernetes.ApiException) as raised,
    ):
        kubernetes.AppsV1Api(client).patch_namespaced_deployment_scale("a", "b", {"spec": {"replicas": 0}})
    return raised.value
