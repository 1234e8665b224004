"""What a restore is asked for, what of a halt it is about, and where a target stands at each step of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from killswitch_backends.problems import Conflict, Gone, Problem
from killswitch_backends.protocol import Order, Restored
from killswitch_console.halting.progress import TargetProgress, TargetState
from killswitch_console.halting.record import HaltRecord
from killswitch_console.halting.retrying import is_final
from killswitch_console.halting.staging import OnFailure
from killswitch_inventory.scopes import Scope
from killswitch_inventory.targets import Layer

LAYERS: Final = (Layer.CREDENTIAL, Layer.PROCESS, Layer.CAPABILITY)
"""What comes back first: an agent must find its credentials when its process starts, and work only at the end."""

ENDED: Final = frozenset({TargetState.RESTORED, TargetState.CONFLICT, TargetState.FAILED})
"""What a restore has come to its end with, for better or worse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreWish:
    """What a person asked for: who, why, how much of a halt, and what to do when something fails."""

    order: Order
    only: Scope | None = None
    """Restore the agents of this scope only; the rest stays halted."""
    on_failure: OnFailure = OnFailure.STOP


def chosen(record: HaltRecord, only: Scope | None) -> tuple[TargetProgress, ...]:
    """What a restore is about: all that the halt touched, or the part that agents of a scope use."""
    if only is None:
        return record.touched
    return tuple(t for t in record.touched if any(only.covers(key) for key in t.agents))


def lift(target: TargetProgress) -> TargetProgress:
    """Held no more, with another try for what an earlier restore could not do."""
    again = target.state in (TargetState.CONFLICT, TargetState.FAILED)
    afresh = TargetState.ACCEPTED if target.accepted else TargetState.REQUESTED
    return replace(as_touched(target), lifted=True, changes=(), error="", state=afresh if again else target.state)


def as_touched(target: TargetProgress) -> TargetProgress:
    """What may have been changed counts as changed from here on, also when the halt gets its end by this restore."""
    at = target.requested_at or (target.captured.at if target.captured else None)
    return replace(target, requested_at=at)


def is_end(problem: Problem) -> bool:
    """Whether a restore cannot come to anything by trying again."""
    return is_final(problem) or isinstance(problem, Conflict | Gone)


def in_doubt(target: TargetProgress, why: str) -> TargetProgress:
    """Its change was sent, and nobody knows how much of it came through: not known to be stopped any more."""
    return replace(target, state=TargetState.UNKNOWN, evidence=None, running=None, error=why)


def put_back(target: TargetProgress, restored: Restored) -> TargetProgress:
    """It is as it was before the halt, by this evidence."""
    return replace(
        target,
        state=TargetState.RESTORED,
        evidence=restored.evidence,
        error="",
        note="",
        running=None,
        released=False,
        fighting=False,
        changes=(),
    )
