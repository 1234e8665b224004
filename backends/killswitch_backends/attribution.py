"""Who did it: for a target that is off although no halt explains it, what the platform's own log says of the change.

A capability that a backend may have beside the protocol; whoever asks looks for it with ``isinstance``. It is never
evidence of anything: logs are late, and sometimes not readable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from killswitch_inventory.targets import TargetId


@dataclass(frozen=True, slots=True)
class Deed:
    """One change of a target as the platform logged it. All text is the platform's: hostile until cleaned."""

    target: TargetId
    action: str
    """The operation's name, e.g. ``PutFunctionConcurrency``."""
    who: str
    at: datetime
    source: str = ""
    """From where: an address, or the service that did it."""


@runtime_checkable
class ReadsLater(Protocol):
    """A backend whose listing comes before it has read, target by target, what is off."""

    async def read_whole(self) -> None:
        """Return once everything that was listed has been read, and told by the sight stream, at least once."""
        ...


@runtime_checkable
class Attributing(Protocol):
    """A backend that can say who changed a target."""

    async def deeds(self, targets: Sequence[TargetId]) -> Mapping[TargetId, Deed]:
        """The latest change that could have turned each target off; nothing for those of which nothing is logged.

        Raises:
            Problem: the log cannot be read.
        """
        ...
