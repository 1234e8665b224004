"""Restores that were cut short: a process died after a restore had begun. What is to be said of one, and done. Pure.

What it had put back stays back. What it had not reached is still halted, and somebody must hold it again: nobody
decided that it may come back by accident. What was on its way is one or the other, which only the platform can tell.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from killswitch_console.halting.progress import TargetProgress, TargetState
from killswitch_inventory.sightings import HaltMark
from killswitch_inventory.targets import TargetId

_LEFT_TO_A_PERSON = frozenset({TargetState.RESTORED, TargetState.CONFLICT, TargetState.FAILED})


@dataclass(frozen=True, slots=True)
class RestoreBegun:
    """A restore that has not come to its end: it is under way, or was cut short."""

    at: datetime
    by: str
    reason: str

    def announced(self, halt_id: str, targets: Iterable[TargetProgress], now: datetime) -> dict[TargetId, HaltMark]:
        """It as if it had been announced on its targets: one that acts may be what it put back last."""
        mark = HaltMark(halt_id, "", "", restorer=self.by, restore_at=now.isoformat())
        return {target.target: mark for target in targets}


def taken_back(targets: Iterable[TargetProgress]) -> tuple[TargetProgress, ...]:
    """The targets of a restore that was cut short which are to be held again."""
    return tuple(
        replace(target, lifted=False, error="")
        for target in targets
        if target.lifted and not target.released and target.state not in _LEFT_TO_A_PERSON
    )


def told(begun: RestoreBegun, targets: Iterable[TargetProgress]) -> str:
    """How far it came, in words."""
    states = [target.state for target in targets]
    back = states.count(TargetState.RESTORED)
    return f"the restore by {begun.by} was cut short: {back} of {len(states)} targets are back"
