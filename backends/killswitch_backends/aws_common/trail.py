"""CloudTrail's event history: who made a change lately. Two calls a second, and minutes behind the change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from killswitch_backends.attribution import Deed
from killswitch_backends.aws_common.budget import Bucket, Budgets, Urgency
from killswitch_backends.aws_common.calls import Aws
from killswitch_backends.outside import parsed
from killswitch_inventory.targets import TargetId

LOOKUPS_PER_SECOND, LOOKUP_BURST = 2.0, 2
_NEWEST = 20
"""Events of one resource that are looked through, newest first."""


def lookups(aws: Aws, budgets: Budgets) -> Bucket:
    """What may be looked up: shared by all that asks for events of one account and region."""
    return budgets.bucket(
        "trail", aws.settings.endpoint_url or "aws", aws.account or aws.where, aws.region,
        rate=LOOKUPS_PER_SECOND, burst=LOOKUP_BURST,
    )  # fmt: skip


async def latest(
    aws: Aws, budgets: Budgets, names: Mapping[TargetId, str], actions: Iterable[str]
) -> dict[TargetId, Deed]:
    """The newest of some actions on each resource, by the resource's name.

    Raises:
        Problem: the history cannot be read.
    """
    client = await aws.client("cloudtrail")
    bucket = lookups(aws, budgets)
    wanted = tuple(actions)
    found: dict[TargetId, Deed] = {}
    for target, name in names.items():
        call = partial(
            client.lookup_events,
            LookupAttributes=[{"AttributeKey": "ResourceName", "AttributeValue": name}],
            MaxResults=_NEWEST,
        )
        answer = await aws.ask(call, where=f"{aws.where}/{name}", urgency=Urgency.SIGHT, bucket=bucket)
        events = [one for one in answer.get("Events", []) if str(one.get("EventName", "")).startswith(wanted)]
        if events:
            found[target] = _deed(target, max(events, key=_at))
    return found


def _at(event: Mapping[str, Any]) -> datetime:
    at: datetime = event["EventTime"]
    return at


def _deed(target: TargetId, event: Mapping[str, Any]) -> Deed:
    detail = _detail(event)
    identity = told if isinstance(told := detail.get("userIdentity"), dict) else {}
    who = str(identity.get("arn") or identity.get("invokedBy") or event.get("Username") or "unknown")
    return Deed(target, str(event.get("EventName", "")), who, _at(event), str(detail.get("sourceIPAddress", "")))


def _detail(event: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        detail = parsed(event.get("CloudTrailEvent", "{}"))
    except ValueError:
        return {}
    return detail if isinstance(detail, dict) else {}
