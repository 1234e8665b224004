"""Simulated CloudTrail: the event history of this account's changes, readable a little after they were made."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime

from killswitch_backends.simulator.aws.behaviour import Behaviour
from killswitch_backends.simulator.aws.calls import Answer, Call, Members, Operation
from killswitch_backends.simulator.aws.pages import page
from killswitch_backends.simulator.clock import Clock

PAGE = 50
KEPT = 2000
"""Events kept: AWS keeps 90 days."""
_DATED = {"PutFunctionConcurrency": "20171031", "DeleteFunctionConcurrency": "20171031", "TagResource": "20170331v2"}
"""Lambda's events carry the date of their API version (Lambda developer guide, "Logging API calls")."""
_NAMES = ("FunctionName", "RoleName", "UserName", "GroupName", "Resource")


@dataclass(frozen=True, slots=True)
class Event:
    """One change."""

    at: float
    region: str
    name: str
    resource: str
    detail: Members


class Trail:
    """What was changed, by whom. IAM's changes are told in us-east-1 on AWS; here in every region."""

    def __init__(self, *, clock: Clock, behaviour: Behaviour) -> None:
        self._clock, self._delay = clock, behaviour.trail_delay
        self._events: deque[Event] = deque(maxlen=KEPT)

    def operations(self) -> dict[str, Operation]:
        return {"LookupEvents": Operation(run=self.lookup)}

    def record(self, call: Call) -> None:
        """Note a change that was made."""
        resource = next((str(call.params[member]) for member in _NAMES if member in call.params), "")
        detail = {
            "eventName": call.operation + _DATED.get(call.operation, ""),
            "eventSource": f"{call.service}.amazonaws.com",
            "awsRegion": call.region,
            "userIdentity": {"arn": call.caller.arn},
            "sourceIPAddress": "127.0.0.1",
            "requestID": call.request_id,
        }
        self._events.append(
            Event(self._clock.now(), call.region, str(detail["eventName"]), resource.rpartition(":")[2], detail)
        )

    def lookup(self, call: Call) -> Answer:
        now = self._clock.now()
        attributes = {one["AttributeKey"]: one["AttributeValue"] for one in call.params.get("LookupAttributes", [])}
        begin, end = (_seconds(call.params.get(name)) for name in ("StartTime", "EndTime"))
        found = [
            one
            for one in self._events
            if now - one.at >= self._delay
            and _fits(one, attributes)
            and (begin is None or one.at >= begin)
            and (end is None or one.at <= end)
        ]
        found.reverse()
        size = min(call.number("MaxResults", PAGE), PAGE)
        numbered = list(enumerate(found))
        chunk, marker = page(numbered, key=lambda one: f"{one[0]:08}", marker=call.params.get("NextToken"), size=size)
        return {"Events": [_shown(one) for _, one in chunk]} | ({"NextToken": marker} if marker else {})


def _fits(event: Event, attributes: Members) -> bool:
    told = {
        "ResourceName": event.resource,
        "EventName": event.name,
        "EventSource": event.detail["eventSource"],
        "ReadOnly": "false",
    }
    return all(told.get(key) == value for key, value in attributes.items())


def _seconds(moment: object) -> float | None:
    """A time as the wire protocol brought it."""
    if isinstance(moment, datetime):
        return moment.timestamp()
    return float(str(moment)) if moment is not None else None


def _shown(event: Event) -> Members:
    at = datetime.fromtimestamp(event.at, UTC)
    return {
        "EventName": event.name,
        "EventTime": event.at,
        "Username": str(event.detail["userIdentity"]["arn"]).rpartition("/")[2],
        "Resources": [{"ResourceName": event.resource}],
        "CloudTrailEvent": json.dumps({**event.detail, "eventTime": at.isoformat()}),
    }
