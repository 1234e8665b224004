"""Functions, their event sources and their state, as far as a halt is concerned: plain data read from AWS's answers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from killswitch_backends.problems import Refused, Unsupported
from killswitch_inventory.targets import TargetId

if TYPE_CHECKING:
    from types_boto3_lambda.type_defs import (
        EventSourceMappingConfigurationResponseTypeDef,
        EventSourceMappingConfigurationTypeDef,
        FunctionConfigurationTypeDef,
    )

LATEST = "$LATEST"
LONGEST_TIMEOUT = 900
"""Seconds: the longest Timeout that Lambda allows."""
Scaling = Mapping[str, tuple[int | None, int | None]]
"""Least and most execution environments by published version."""
_MANAGED = "LambdaManagedInstancesCapacityProviderConfig"
_OFF_STATES = frozenset({"Disabled", "Disabling", "Deleting"})


@dataclass(frozen=True, slots=True)
class EventSource:
    """An event source mapping: what feeds a function from a queue or a stream."""

    uuid: str
    function: str
    enabled: bool
    """Whether it feeds the function, or is about to: ``Enabling`` is enabled, ``Disabling`` is not."""
    source: str = ""

    @classmethod
    def of(
        cls, answer: EventSourceMappingConfigurationTypeDef | EventSourceMappingConfigurationResponseTypeDef
    ) -> EventSource:
        return cls(
            uuid=answer.get("UUID", ""),
            function=name_in(answer.get("FunctionArn", "")),
            enabled=answer.get("State", "Enabled") not in _OFF_STATES,
            source=answer.get("EventSourceArn", ""),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """One version of a function as ListFunctions and GetFunction describe it."""

    name: str
    arn: str
    """Of the function itself, without a version."""
    role: str
    timeout: int
    version: str = LATEST
    dead_letters: bool = False
    managed_instances: bool = False
    other_capacity: bool = False
    """On a capacity provider of a kind that this console does not know."""
    edge_replica: bool = False
    durable: bool = False
    state: str = ""
    modified: datetime | None = None
    """When $LATEST was last changed: a run that began before may have had another Timeout."""

    @classmethod
    def of(cls, answer: FunctionConfigurationTypeDef) -> Function:
        return cls(
            name=answer["FunctionName"],
            arn=unqualified(answer.get("FunctionArn", "")),
            role=answer.get("Role", ""),
            timeout=_timeout(answer.get("Timeout", LONGEST_TIMEOUT)),
            version=answer.get("Version", LATEST),
            dead_letters=bool(answer.get("DeadLetterConfig", {}).get("TargetArn")),
            managed_instances=_MANAGED in answer.get("CapacityProviderConfig", {}),
            other_capacity=_MANAGED not in answer.get("CapacityProviderConfig", {_MANAGED: {}}),
            edge_replica=bool(answer.get("MasterArn")),
            durable="DurableConfig" in answer,
            state=answer.get("State", ""),
            modified=_moment(answer.get("LastModified", "")),
        )


@dataclass(frozen=True, slots=True)
class Reading:
    """What one GetFunction tells."""

    function: Function
    reserved: int | None
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """All of a function that a halt changes, and what it needs to know to judge it."""

    function: Function
    reserved: int | None
    tags: Mapping[str, str]
    longest_timeout: int
    """Seconds; the largest over every version that can still be invoked."""
    provisioned: Mapping[str, int] = field(default_factory=dict)
    event_sources: tuple[EventSource, ...] = ()
    scalers: Mapping[str, tuple[bool, bool, bool]] = field(default_factory=dict)
    """What auto scaling keeps of its provisioned concurrency, and how far that is suspended (autoscaling.py)."""
    edge: tuple[str, ...] = ()
    """The CloudFront distributions that run it at the edge (edge.py)."""
    scaling: Scaling | None = None
    """On Managed Instances: the scaling of each published version; None for every other function."""
    durable: Mapping[str, str] = field(default_factory=dict)
    """Status of its durable executions that have not ended, by ARN, as they were without a halt in force."""
    keeps_events: bool | None = None
    """Whether a dead-letter queue or failure destination takes asynchronous events; None where that was not asked."""
    executions: int | None = None
    """Running now, as CloudWatch's last minute says; None where it does not say."""
    unreadable: tuple[str, ...] = ()
    """What could not be read, in words: it is not known to be absent."""
    read_at: datetime


def _timeout(seconds: int) -> int:
    """A Timeout as Lambda allows it; what is none counts as the longest: a bound must never be too early."""
    return seconds if 1 <= seconds <= LONGEST_TIMEOUT else LONGEST_TIMEOUT


def _moment(text: str) -> datetime | None:
    """A moment as Lambda writes it (``2026-11-22T13:32:43.000+0000``)."""
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z")
    except ValueError:
        return None


OFF_THE_EDGE = "take the function off its CloudFront distribution's cache behaviours; its replicas go within hours"

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_REPLICA = re.compile(r"us-east-1\.[a-zA-Z0-9_-]{1,64}")


def check_name(target: TargetId) -> None:
    """Refuse what names no whole function: a version or an alias has no reservation of its own.

    Raises:
        Unsupported: it is a replica of a function that CloudFront runs.
        Refused: e.g. for a qualified name or an ARN in the configuration.
    """
    if _REPLICA.fullmatch(target.path):
        raise Unsupported(str(target), "a Lambda@Edge replica is changed by CloudFront alone", todo=OFF_THE_EDGE)
    if not _NAME.fullmatch(target.path):
        todo = f"write lambda:{target.backend.name}/FUNCTION, without ARN, version or alias: a halt stops all of them"
        raise Refused(str(target), "is not a function's plain name", todo=todo)


def unqualified(arn: str) -> str:
    """A function's ARN without version or alias."""
    return ":".join(arn.split(":")[:7])


def name_in(arn: str) -> str:
    """The function's name in its (qualified or unqualified) ARN."""
    parts = arn.split(":")
    return parts[6] if len(parts) > 6 else arn
