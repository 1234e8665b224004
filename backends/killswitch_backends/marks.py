"""Marks that are written behind a halt: what whoever closes a console waits for, and may say of those that are missing.

A capability that a backend may have beside the protocol, where a mark is a change of its own that no stop may wait for.
Nothing here may import an SDK.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from killswitch_inventory.targets import TargetId


@dataclass(frozen=True, slots=True)
class Unmarked:
    """A target that this connection halted, and that carries no mark of it (yet)."""

    target: TargetId
    halt_id: str
    why: str


@runtime_checkable
class MarksBehind(Protocol):
    """A backend whose halts return before their marks are written."""

    async def finish_marks(self) -> None:
        """Wait for the marks that are still to be written while they progress, a minute at most. Raises nothing."""
        ...

    def unmarked(self) -> Sequence[Unmarked]:
        """What carries no mark now."""
        ...
