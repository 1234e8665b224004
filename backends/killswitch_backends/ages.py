"""The seam for how old everyday credentials are: what a backend can tell of those it was opened with.

A ``Backend`` that also has ``ages`` reads when they were made and when they end, by calls that change nothing. Nothing
here may import an SDK, and no ``Age`` may hold a secret: it is shown, written and monitored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True, kw_only=True)
class Age:
    """What is known of one credential's time."""

    what: str
    """What it is, in words that tell it from others and hold nothing of its secret: ``access key AKIA...``."""
    made_at: datetime | None = None
    expires_at: datetime | None = None
    renewed_by: str = ""
    """What renews it by itself; its age is of no interest then."""
    unknown: str = ""
    """Why neither can be told, where that is so."""
    todo: str = ""


@runtime_checkable
class TellsAges(Protocol):
    """A ``Backend`` that knows the time of its credentials."""

    async def ages(self) -> Sequence[Age]:
        """Those it was opened with. Never raises for a platform's refusal: that is an ``Age`` which is unknown."""
        ...
