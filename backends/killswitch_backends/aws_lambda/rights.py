"""The rights that the Lambda backend needs: what ``check`` asks about and what ``policy aws`` prints."""

from __future__ import annotations

from typing import Final

from killswitch_backends.aws_common.checking import Need

_FUNCTIONS: Final = "arn:aws:lambda:*:ACCOUNT:function:*"
_SCALABLE: Final = "arn:aws:application-autoscaling:*:ACCOUNT:scalable-target/*"
_MAPPINGS: Final = "arn:aws:lambda:*:ACCOUNT:event-source-mapping:*"


def _of(resource: str, *actions: str, why: str, vital: bool = False) -> tuple[Need, ...]:
    return tuple(Need(f"lambda:{action}", why, vital, resource) for action in actions)


NEEDS: Final[tuple[Need, ...]] = (
    *_of("*", "ListFunctions", why="find functions", vital=True),
    *_of("*", "ListEventSourceMappings", why="find what invokes them"),
    *_of("*", "GetAccountSettings", why="tell before a restore whether reservations have room"),
    *_of(
        _FUNCTIONS,
        "GetFunction",
        "GetFunctionConcurrency",
        "PutFunctionConcurrency",
        why="stop functions",
        vital=True,
    ),
    *_of(_FUNCTIONS, "DeleteFunctionConcurrency", why="restore them", vital=True),
    *_of(
        _FUNCTIONS,
        "ListVersionsByFunction",
        "ListFunctionEventInvokeConfigs",
        why="bound how long a run may last",
    ),
    *_of(
        _FUNCTIONS,
        "ListProvisionedConcurrencyConfigs",
        "PutProvisionedConcurrencyConfig",
        "DeleteProvisionedConcurrencyConfig",
        why="stop functions with provisioned concurrency",
    ),
    *_of(
        _FUNCTIONS,
        "ListDurableExecutionsByFunction",
        "GetDurableExecution",
        "PauseDurableExecution",
        "ResumeDurableExecution",
        why="pause durable executions",
    ),
    *_of(_FUNCTIONS, "GetFunctionScalingConfig", "PutFunctionScalingConfig", why="stop functions on Managed Instances"),
    *_of(_FUNCTIONS, "TagResource", "UntagResource", why="mark halted functions"),
    *_of(_MAPPINGS, "GetEventSourceMapping", "UpdateEventSourceMapping", why="stop what invokes them"),
    Need("application-autoscaling:DescribeScalableTargets", "find what puts provisioned concurrency back"),
    Need("application-autoscaling:RegisterScalableTarget", "keep it from that while halted", resource=_SCALABLE),
    Need("cloudfront:ListDistributions", "tell which functions run at the edge, where no halt reaches"),
    Need("tag:GetResources", "tell which functions are agents", vital=True),
    Need("sqs:GetQueueUrl", "tell before a restore what waits in queues"),
    Need("sqs:GetQueueAttributes", "tell before a restore what waits in queues"),
    Need("cloudwatch:GetMetricData", "tell how many runs are in flight"),
    Need("cloudtrail:LookupEvents", "tell who turned something off behind the console's back"),
)
