"""What can be wrong with a call to the scripted platform."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from killswitch_backends.problems import Blocked, Problem, Refused, Throttled, Unauthenticated, Unreachable, Unsupported


class Fault(Enum):
    THROTTLED = "throttled"
    UNREACHABLE_BEFORE = "unreachable before it was applied"
    UNREACHABLE_AFTER = "unreachable after it was applied"
    CHANGED = "somebody changed it"
    GONE = "somebody deleted it"
    EXPIRED = "the credentials expired"
    BLOCKED = "blocked"
    REFUSED = "refused"
    UNSUPPORTED = "unsupported"
    HANG = "hang"
    SLOW = "slow"
    INTERNAL = "internal error"


PROBLEMS: dict[Fault, Callable[[str], Problem]] = {
    Fault.THROTTLED: lambda where: Throttled(where, "429", retry_after=0.7),
    Fault.UNREACHABLE_BEFORE: lambda where: Unreachable(where, "connection refused"),
    Fault.BLOCKED: lambda where: Blocked(where, "an approval is needed"),
    Fault.EXPIRED: lambda where: Unauthenticated(where, "expired token"),
    Fault.REFUSED: lambda where: Refused(where, "forbidden"),
    Fault.UNSUPPORTED: lambda where: Unsupported(where, "no mechanism"),
}
"""Faults that are an answer and change nothing."""
