"""CloudWatch's view of functions, and the tagging API's."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import cbor2
import pytest

from aws_face import ServedFace, eventually, function_agent, refused, serving, unlimited
from killswitch_backends.simulator.aws import METRIC_DELAY_SECONDS, OPERATOR_ACCESS_KEY_ID
from virtual_clock import START, VirtualClock


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def served(clock: VirtualClock) -> Iterator[ServedFace]:
    agents = [function_agent(f"refund-{number}", replicas=2, timeout=2) for number in range(1, 121)]
    with serving(agents, clock=clock, behaviour=unlimited()) as served:
        yield served


def query(metric: str, statistic: str, clock: VirtualClock, function: str = "refund-1") -> dict[str, Any]:
    dimensions = [{"Name": "FunctionName", "Value": function}]
    named = {"Namespace": "AWS/Lambda", "MetricName": metric, "Dimensions": dimensions}
    now = datetime.fromtimestamp(clock.now(), UTC)
    return {
        "MetricDataQueries": [{"Id": "m", "MetricStat": {"Metric": named, "Period": 60, "Stat": statistic}}],
        "StartTime": now - timedelta(minutes=3),
        "EndTime": now + timedelta(minutes=1),
    }


def run_minutes(served: ServedFace, clock: VirtualClock, minutes: float) -> None:
    for _step in range(round(minutes * 60)):
        served.inside(lambda: clock.advance(1))


def test_concurrency_of_a_minute_shows_soon_after_it_is_over_and_falls_silent_after_a_halt(
    served: ServedFace, clock: VirtualClock
) -> None:
    client = served.client("cloudwatch")
    eventually(lambda: served.stage.of("refund-1") == 2)
    run_minutes(served, clock, 1.5)
    found = client.get_metric_data(**query("ConcurrentExecutions", "Maximum", clock))["MetricDataResults"][0]
    assert found["Values"][0] == 2.0
    assert found["Timestamps"] == sorted(found["Timestamps"], reverse=True)
    served.client("lambda").put_function_concurrency(FunctionName="refund-1", ReservedConcurrentExecutions=0)
    run_minutes(served, clock, 3)
    halted = client.get_metric_data(**query("ConcurrentExecutions", "Maximum", clock))["MetricDataResults"][0]
    assert halted["Values"][0] == 0.0 or halted["Timestamps"][0] < datetime.fromtimestamp(clock.now() - 120, UTC)
    assert client.get_metric_data(**query("Throttles", "Sum", clock))["MetricDataResults"][0]["Values"][0] > 0


def test_a_minute_is_not_readable_before_its_delay(served: ServedFace, clock: VirtualClock) -> None:
    client = served.client("cloudwatch")
    eventually(lambda: served.stage.of("refund-1") == 2)
    served.inside(lambda: clock.advance(60 - START % 60 + METRIC_DELAY_SECONDS - 0.1))
    before = client.get_metric_data(**query("Invocations", "Sum", clock))["MetricDataResults"][0]["Timestamps"][0]
    served.inside(lambda: clock.advance(0.2))
    after = client.get_metric_data(**query("Invocations", "Sum", clock))["MetricDataResults"][0]["Timestamps"][0]
    assert after - before == timedelta(minutes=1)


def test_statistics_and_a_function_nobody_invokes(served: ServedFace, clock: VirtualClock) -> None:
    client = served.client("cloudwatch")
    asked = query("ConcurrentExecutions", "Maximum", clock)
    metric = asked["MetricDataQueries"][0]["MetricStat"]["Metric"]
    fields = {**metric, "StartTime": asked["StartTime"], "EndTime": asked["EndTime"], "Period": 60}
    points = client.get_metric_statistics(**fields, Statistics=["Maximum"])["Datapoints"]
    assert points
    assert {point["Maximum"] for point in points} == {2.0}
    silent = client.get_metric_data(**query("Invocations", "Sum", clock, function="webhook-relay"))
    assert silent["MetricDataResults"][0]["Values"] == []
    with refused("ValidationError"):
        client.get_metric_data(**(asked | {"MetricDataQueries": [{"Id": "e", "Expression": "SUM(METRICS())"}]}))


def test_cloudwatch_speaks_cbor_too(served: ServedFace, clock: VirtualClock) -> None:
    request = urllib.request.Request(
        f"{served.url}/service/GraniteServiceVersion20100801/operation/GetMetricData",
        data=cbor2.dumps(query("ConcurrentExecutions", "Maximum", clock), datetime_as_timestamp=True),
        headers={
            "Content-Type": "application/cbor",
            "smithy-protocol": "rpc-v2-cbor",
            "Authorization": f"AWS4-HMAC-SHA256 Credential={OPERATOR_ACCESS_KEY_ID}/20270115/eu-central-1/monitoring/"
            "aws4_request, SignedHeaders=host, Signature=00",
        },
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        assert answer.headers["smithy-protocol"] == "rpc-v2-cbor"
        (result,) = cbor2.loads(answer.read())["MetricDataResults"]
    assert result["Values"][0] == 2.0
    assert isinstance(result["Timestamps"][0], datetime)


def test_functions_are_found_by_their_tags_a_hundred_a_page(served: ServedFace) -> None:
    client = served.client("resourcegroupstaggingapi")
    pages = list(client.get_paginator("get_resources").paginate(TagFilters=[{"Key": "agent"}]))
    assert [len(page["ResourceTagMappingList"]) for page in pages] == [100, 20]
    one = client.get_resources(TagFilters=[{"Key": "agent", "Values": ["refund-7"]}, {"Key": "agent-class"}])
    (found,) = one["ResourceTagMappingList"]
    assert found["ResourceARN"].endswith(":function:refund-7")
    assert client.get_resources(ResourceTypeFilters=["iam:role"])["ResourceTagMappingList"] == []


def test_what_once_had_a_tag_still_shows_and_what_never_had_does_not(served: ServedFace) -> None:
    client, functions = served.client("resourcegroupstaggingapi"), served.client("lambda")
    arn = "arn:aws:lambda:eu-central-1:111122223333:function:webhook-relay"
    assert client.get_resources(ResourceARNList=[arn])["ResourceTagMappingList"] == []
    functions.tag_resource(Resource=arn, Tags={"k": "v"})
    functions.untag_resource(Resource=arn, TagKeys=["k"])
    assert client.get_resources(ResourceARNList=[arn])["ResourceTagMappingList"] == [{"ResourceARN": arn, "Tags": []}]
