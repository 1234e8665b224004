"""The seam for ``check``: what a backend can say of its own readiness before anything has to be halted.

A ``Backend`` that also has ``check`` looks without changing anything and says what it found, good and bad. Nothing here
may import an SDK.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable


class Standing(StrEnum):
    """How a thing that was checked stands, worst last."""

    OK = "ok"
    UNKNOWN = "unknown"
    """It could not be looked up; a halt may work."""
    WARNING = "warning"
    """A halt would work, but less than its reader may expect."""
    PROBLEM = "problem"
    """A halt of it would fail, or stop nothing."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was checked, in words. Platform text in it is hostile until shown."""

    subject: str
    """A table, or a target's id."""
    standing: Standing
    what: str
    todo: str = ""


@runtime_checkable
class Checkable(Protocol):
    """A ``Backend`` that can be checked."""

    async def check(self) -> Sequence[Finding]:
        """Look at credentials, rights and targets without changing anything.

        Never raises for a platform's failure: that is a finding. Takes seconds; the caller sets its own limit.
        """
        ...
