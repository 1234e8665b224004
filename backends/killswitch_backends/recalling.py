"""What the platform's own log says of calls that the console recorded: the second opinion of ``audit verify``.

A capability that a backend may have beside the protocol; whoever asks looks for it with ``isinstance``. A log is late,
kept for a while only, and often not readable: only what it holds counts for or against a record.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol, runtime_checkable

from killswitch_inventory.targets import TargetId

SKEW: Final = timedelta(minutes=5)
"""How far the clocks of a bastion and a platform may be apart before a recorded time counts as another one."""


class Word(StrEnum):
    """What a log says of one recorded call."""

    CONFIRMED = "confirmed"
    CONTRADICTED = "contradicted"
    """It knows the request id, and tells something else of it: another object, another time, a refusal."""
    ABSENT = "absent"
    """It reaches back to then and is complete by now, and does not know the request id."""
    LATE = "late"
    """It does not know the request id yet; such a log may still learn of it."""
    UNREADABLE = "unreadable"
    """It does not reach back so far, or this part of it cannot be read."""


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """A change that the platform acknowledged, as the audit trail has it."""

    target: TargetId
    request_id: str
    at: datetime
    """When the answer came, by the bastion's clock."""


@dataclass(frozen=True, slots=True)
class Recalled:
    """What the platform's log says of one call. ``detail`` is the platform's text: hostile until cleaned."""

    call: RecordedCall
    word: Word
    detail: str = ""


@runtime_checkable
class Recalling(Protocol):
    """A backend whose platform keeps a log of calls that this console can read."""

    async def recall(self, calls: Sequence[RecordedCall]) -> Sequence[Recalled]:
        """One answer for each call, in any order.

        Raises:
            Problem: the log cannot be read at all.
        """
        ...


def apart(call: RecordedCall, logged: datetime) -> str:
    """In words, how far the log's time is from the recorded one; empty within ``SKEW``."""
    if abs(logged - call.at) <= SKEW:
        return ""
    return f"it was at {logged:%Y-%m-%dT%H:%M:%SZ}, not at {call.at:%Y-%m-%dT%H:%M:%SZ}"
