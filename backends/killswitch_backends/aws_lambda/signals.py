"""What other services tell of functions: tags in bulk (tagging API) and running executions (CloudWatch).

Both are conveniences: slow to notice changes, sometimes not permitted. Nothing here is ever evidence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from killswitch_backends.aws_common.budget import Urgency
from killswitch_backends.aws_common.calls import Aws
from killswitch_backends.aws_common.paging import Pages
from killswitch_backends.aws_lambda.functions import unqualified

if TYPE_CHECKING:
    from types_boto3_cloudwatch import CloudWatchClient
    from types_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef
    from types_boto3_resourcegroupstaggingapi import ResourceGroupsTaggingAPIClient

QUERIES_PER_CALL = 500
_MOST_EXECUTIONS = 10**9
_WINDOW = timedelta(minutes=5)


async def tags_in_bulk(aws: Aws) -> dict[str, Mapping[str, str]]:
    """Tags by function ARN: functions that never had a tag are missing, changes take a while to show."""
    client: ResourceGroupsTaggingAPIClient = await aws.client("resourcegroupstaggingapi")
    found: dict[str, Mapping[str, str]] = {}
    pages, token = Pages(aws.where), ""
    while True:
        call = partial(
            client.get_resources,
            ResourceTypeFilters=["lambda:function"],
            ResourcesPerPage=100,
            PaginationToken=token,  # empty asks for the first page
        )
        page = await aws.ask(call, where=aws.where, urgency=Urgency.SIGHT)
        for one in page["ResourceTagMappingList"]:
            arn = unqualified(one.get("ResourceARN", ""))
            found[arn] = {tag["Key"]: tag["Value"] for tag in one.get("Tags", [])}
        if not (token := page.get("PaginationToken", "")):
            return found
        pages.turn(token)


async def executions_now(aws: Aws, names: Sequence[str], now: datetime, urgency: Urgency) -> dict[str, int]:
    """Executions running in the last minute that CloudWatch knows of; a function without data ran nothing lately."""
    client: CloudWatchClient = await aws.client("cloudwatch")
    found: dict[str, int] = {}
    for start in range(0, len(names), QUERIES_PER_CALL):
        some = names[start : start + QUERIES_PER_CALL]
        call = partial(
            client.get_metric_data,
            MetricDataQueries=[_query(index, name) for index, name in enumerate(some)],
            StartTime=now - _WINDOW,
            EndTime=now,
            ScanBy="TimestampDescending",
        )
        answer = await aws.ask(call, where=aws.where, urgency=urgency)
        latest = {one.get("Id", ""): one.get("Values", []) for one in answer.get("MetricDataResults", [])}
        for index, name in enumerate(some):
            values = latest.get(f"f{index}", [])
            found[name] = int(values[0]) if values and 0 <= values[0] < _MOST_EXECUTIONS else 0
    return found


def _query(index: int, name: str) -> MetricDataQueryTypeDef:
    return {
        "Id": f"f{index}",
        "MetricStat": {
            "Metric": {
                "Namespace": "AWS/Lambda",
                "MetricName": "ConcurrentExecutions",
                "Dimensions": [{"Name": "FunctionName", "Value": name}],
            },
            "Period": 60,
            "Stat": "Maximum",
        },
    }
