"""One API call, its answer and its failure, free of any wire protocol: what the gateway and the services share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from killswitch_backends.simulator.aws.callers import Caller
from killswitch_backends.simulator.aws.errors import AwsError

Members = Mapping[str, Any]
"""The members of an input or output structure, by their names in AWS's own service model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A decoded, authenticated call."""

    service: str
    operation: str
    region: str
    params: Members
    caller: Caller
    request_id: str

    def text(self, member: str) -> str:
        """A required string member."""
        value = self.params.get(member)
        if not isinstance(value, str) or not value:
            raise AwsError(
                "ValidationError", f"Value at '{member}' failed to satisfy constraint: Member must not be null"
            )
        return value

    def number(self, member: str, default: int) -> int:
        """An optional integer member, however the protocol spelt it."""
        value = self.params.get(member, default)
        try:
            return int(value)
        except (TypeError, ValueError):
            raise AwsError("ValidationError", f"Value '{value}' at '{member}' is not an integer") from None


@dataclass(frozen=True, slots=True)
class Payload:
    """An answer that is not a structure: raw bytes with their headers (Lambda's Invoke)."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


Answer = Members | Payload | None


def anything(_call: Call) -> str:
    """The resource of an operation that has none of its own."""
    return "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation of a service: what runs, which status it answers, and how it is authorised and throttled."""

    run: Callable[[Call], Answer | Awaitable[Answer]]
    resource: Callable[[Call], str] = anything
    """The ARN that policies are evaluated for."""
    mutates: bool = False
    status: int = 200
    bucket: str = "read"
    """Which token bucket of its service it draws from; empty for none."""
    open: bool = False
    """No policy is asked before it runs: GetCallerIdentity never is, AssumeRole asks for itself."""
    action: str = ""
    """The IAM action where that is not the operation's name (``lambda:InvokeFunction``)."""


def members(answer: Answer) -> Members | None:
    """The answer of an operation that answers with a structure or nothing."""
    if isinstance(answer, Payload):
        raise TypeError("this protocol carries structures only")
    return answer
