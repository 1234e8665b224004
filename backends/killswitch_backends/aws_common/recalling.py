"""What CloudTrail's event history says of recorded calls: found by their request ids among the changes of that time.

LookupEvents cannot look for a request id, so the changes of every stretch of time with recorded calls are read, at two
requests a second, until all its calls are found. The history is up to 15 minutes late, and 90 days long.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from killswitch_backends.aws_common.budget import Bucket, Budgets, Urgency
from killswitch_backends.aws_common.calls import Aws, open_aws
from killswitch_backends.aws_common.session import ServiceModels
from killswitch_backends.aws_common.trail import lookups
from killswitch_backends.outside import parsed
from killswitch_backends.recalling import Recalled, RecordedCall, Word, apart

LATEST: Final = timedelta(minutes=15)
"""How late an event may be in the history (CloudTrail user guide: "typically within 15 minutes")."""
KEPT: Final = timedelta(days=90)
AROUND: Final = timedelta(minutes=10)
"""Read before the first and after the last call of a stretch; calls closer to each other than that are one stretch."""
MOST_PAGES: Final = 200
"""Pages of 50 events read of one stretch: 100 seconds of them. What is beyond is not read."""
HOME: Final = {"aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}
"""Where IAM's events are told, by partition; us-east-1 everywhere else."""

Logged = Mapping[str, Any]


async def recalled(
    aws: Aws, budgets: Budgets, calls: Sequence[RecordedCall], *, names: Mapping[RecordedCall, str], now: datetime
) -> list[Recalled]:
    """What the history of the client's region says of some calls.

    Args:
        aws: whose history.
        budgets: shared with everything else that looks events up.
        calls: of this account and region.
        names: what the resource of each is called in AWS.
        now: for what is too young or too old to be found.

    Raises:
        Problem: the history cannot be read.
    """
    client = await aws.client("cloudtrail")
    bucket = lookups(aws, budgets)
    found: list[Recalled] = [
        Recalled(call, Word.UNREADABLE, "older than the 90 days that CloudTrail's event history holds")
        for call in calls
        if now - call.at > KEPT
    ]
    for stretch in stretches(call for call in calls if now - call.at <= KEPT):
        logged, complete = await _logged(aws, client, bucket, stretch)
        found += [_said(call, logged.get(call.request_id), names[call], now, complete=complete) for call in stretch]
    return found


@asynccontextmanager
async def at_home(aws: Aws, partition: str) -> AsyncIterator[Aws]:
    """The same account in the region that tells of global services."""
    settings = aws.settings.model_copy(update={"region": HOME.get(partition, "us-east-1")})
    async with open_aws(settings, aws.where, ServiceModels()) as home:
        yield home


def stretches(calls: Iterable[RecordedCall]) -> Iterator[list[RecordedCall]]:
    """Calls that are close to each other, together."""
    stretch: list[RecordedCall] = []
    for call in sorted(calls, key=lambda call: call.at):
        if stretch and call.at - stretch[-1].at > AROUND:
            yield stretch
            stretch = []
        stretch.append(call)
    if stretch:
        yield stretch


async def _logged(
    aws: Aws, client: Any, bucket: Bucket, stretch: Sequence[RecordedCall]
) -> tuple[dict[str, Logged], bool]:
    """Events by request id, and whether all of the stretch was read (or all of its calls were found)."""
    wanted = {call.request_id for call in stretch}
    ask = partial(
        client.lookup_events,
        LookupAttributes=[{"AttributeKey": "ReadOnly", "AttributeValue": "false"}],
        StartTime=stretch[0].at - AROUND,
        EndTime=stretch[-1].at + AROUND,
    )
    found: dict[str, Logged] = {}
    more: dict[str, str] = {}
    for _ in range(MOST_PAGES):
        answer = await aws.ask(partial(ask, **more), where=aws.where, urgency=Urgency.SIGHT, bucket=bucket)
        for event in answer.get("Events", ()):
            detail = _detail(event)
            if (request_id := str(detail.get("requestID"))) in wanted:
                found[request_id] = {**event, "EventTime": event["EventTime"], "detail": detail}
        token = answer.get("NextToken")
        if not token or wanted <= found.keys():
            return found, True
        more = {"NextToken": token}
    return found, False


def _said(call: RecordedCall, event: Logged | None, name: str, now: datetime, *, complete: bool) -> Recalled:
    if event is None:
        if now - call.at <= LATEST:
            return Recalled(call, Word.LATE, "CloudTrail may be 15 minutes late")
        if not complete:
            return Recalled(call, Word.UNREADABLE, f"there are more than {50 * MOST_PAGES} changes around it")
        return Recalled(call, Word.ABSENT, "CloudTrail's event history does not know it")
    detail = event["detail"]
    identity = told if isinstance(told := detail.get("userIdentity"), dict) else {}
    who = str(identity.get("arn") or event.get("Username") or "somebody")
    if code := detail.get("errorCode"):
        return Recalled(call, Word.CONTRADICTED, f"CloudTrail says that it was refused: {code}")
    if not _speaks_of(event, name):
        return Recalled(call, Word.CONTRADICTED, f"CloudTrail says that it was {event.get('EventName')} of another")
    if difference := apart(call, event["EventTime"]):
        return Recalled(call, Word.CONTRADICTED, f"CloudTrail says that {difference}")
    return Recalled(call, Word.CONFIRMED, f"{event.get('EventName')} by {who}")


def _speaks_of(event: Logged, name: str) -> bool:
    """Whether an event is about a resource: its list of resources, or what was asked and answered, names it."""
    detail = event["detail"]
    told = [event.get("Resources"), detail.get("requestParameters"), detail.get("responseElements")]
    return name in json.dumps(told, default=str, ensure_ascii=False)


def _detail(event: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        detail = parsed(event.get("CloudTrailEvent", "{}"))
    except ValueError:
        return {}
    return detail if isinstance(detail, dict) else {}
