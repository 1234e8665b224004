"""Application Auto Scaling: schedules and policies that put provisioned concurrency back after a halt removed it.

A halt suspends the scalable targets of a function before it deletes what they scale, and a restore resumes them after
it has put that back. Only ``SuspendedState`` is ever sent: capacities, policies and schedules stay as they are. AWS
refuses provisioned concurrency beyond a reservation, so a target that could not be suspended revives nothing at 0.
Source: Application Auto Scaling user guide, "Suspending and resuming scaling".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Final

from killswitch_backends.aws_common.budget import Bucket, Urgency
from killswitch_backends.aws_lambda.api import LambdaApi

NAMESPACE: Final = "lambda"
DIMENSION: Final = "lambda:function:ProvisionedConcurrency"
_KINDS: Final = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")

Suspension = tuple[bool, bool, bool]
"""What of a scalable target is suspended: scaling in, scaling out, and what is scheduled."""

Scalers = Mapping[str, Suspension]
"""The scalable targets of one function, by version or alias."""

WHOLE: Final[Suspension] = (True, True, True)

CALLS_PER_SECOND, BURST = 10.0, 10
"""AWS publishes no figure: where the adaptive bucket begins. Lambda's own budget is not touched."""


async def of_region(api: LambdaApi, urgency: Urgency) -> dict[str, dict[str, Suspension]]:
    """Every scalable target of the account and region, by function (pages of 50)."""
    return await _described(api, "", urgency)


async def of_function(api: LambdaApi, name: str, qualifiers: Iterable[str], urgency: Urgency) -> Scalers:
    """The scalable targets of one function among these versions and aliases; those that are gone are missing."""
    ids = [_resource(name, qualifier) for qualifier in qualifiers]
    return (await _described(api, name, urgency, ResourceIds=ids)).get(name, {}) if ids else {}


async def suspend(api: LambdaApi, name: str, qualifier: str, suspension: Suspension) -> None:
    """Suspend (or resume) what a scalable target does; idempotent."""
    client = await api.service(_SERVICE)
    state = dict(zip(_KINDS, suspension, strict=True))
    call = partial(
        client.register_scalable_target,
        ServiceNamespace=NAMESPACE,
        ResourceId=_resource(name, qualifier),
        ScalableDimension=DIMENSION,
        SuspendedState=state,
    )
    await api.ask(name, Urgency.HALT, call, bucket=_bucket(api))


_SERVICE = "application-autoscaling"


def _bucket(api: LambdaApi) -> Bucket:
    return api.bucket(_SERVICE, CALLS_PER_SECOND, BURST)


def _resource(name: str, qualifier: str) -> str:
    return f"function:{name}:{qualifier}"


async def _described(
    api: LambdaApi, name: str, urgency: Urgency, **which: list[str]
) -> dict[str, dict[str, Suspension]]:
    client = await api.service(_SERVICE)
    found: dict[str, dict[str, Suspension]] = {}
    more: dict[str, str] = {}
    while True:
        call = partial(
            client.describe_scalable_targets,
            ServiceNamespace=NAMESPACE,
            ScalableDimension=DIMENSION,
            **which,
            **more,
        )
        page = await api.ask(name, urgency, call, bucket=_bucket(api))
        for one in page["ScalableTargets"]:
            _, function, qualifier = one["ResourceId"].split(":", 2)
            state = one.get("SuspendedState") or {}
            scaled_in, scaled_out, scheduled = (bool(state.get(kind)) for kind in _KINDS)
            found.setdefault(function, {})[qualifier] = (scaled_in, scaled_out, scheduled)
        if not page.get("NextToken"):
            return found
        more = {"NextToken": page["NextToken"]}
