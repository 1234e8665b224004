"""Lambda@Edge: functions that CloudFront runs in its own regions, from replicas that nobody but CloudFront can change.

The function itself looks like any other; only the distributions tell. A reservation holds in us-east-1, where it was
made, and not where its replicas run; they go hours after the function was taken off its distribution. So such a
function has no sound mechanism. Source: CloudFront developer guide, "Restrictions on Lambda@Edge".
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from functools import partial
from typing import Any, Final

from killswitch_backends.aws_common.budget import Urgency
from killswitch_backends.aws_common.paging import Pages
from killswitch_backends.aws_lambda.api import LambdaApi
from killswitch_backends.aws_lambda.functions import name_in

EDGE_REGION: Final = "us-east-1"
"""Where every function for the edge is made: in no other region is there one to look for."""

CALLS_PER_SECOND, BURST = 5.0, 5
_PAGE = "100"


async def at_the_edge(api: LambdaApi, urgency: Urgency) -> dict[str, tuple[str, ...]]:
    """The distributions that run a function of this account, by the function's name; none outside us-east-1."""
    client = await api.client()
    if client.meta.region_name != EDGE_REGION:
        return {}
    found: dict[str, tuple[str, ...]] = {}
    async for distribution in _distributions(api, urgency):
        for name in sorted(set(_functions(distribution))):
            found[name] = (*found.get(name, ()), str(distribution["Id"]))
    return found


async def _distributions(api: LambdaApi, urgency: Urgency) -> AsyncIterator[Mapping[str, Any]]:
    client = await api.service("cloudfront")
    pages, more = Pages("Lambda@Edge"), dict[str, str]()
    while True:
        call = partial(client.list_distributions, MaxItems=_PAGE, **more)
        answer = await api.ask("", urgency, call, bucket=api.bucket("cloudfront", CALLS_PER_SECOND, BURST))
        listed = answer["DistributionList"]
        for one in listed.get("Items", []):
            yield one
        if not listed.get("IsTruncated"):
            return
        more = {"Marker": pages.turn(listed["NextMarker"])}


def _functions(distribution: Mapping[str, Any]) -> Iterator[str]:
    behaviours = [distribution.get("DefaultCacheBehavior", {}), *_items(distribution.get("CacheBehaviors"))]
    for behaviour in behaviours:
        for one in _items(behaviour.get("LambdaFunctionAssociations")):
            yield name_in(one["LambdaFunctionARN"])


def _items(listed: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    return (listed or {}).get("Items") or []
