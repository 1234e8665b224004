"""An inject on its way: when it is due, where it is, and what takes it back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from killswitch_console.drills.durations import clock_text
from killswitch_console.drills.scenario import AnyInject


class Stage(StrEnum):
    """Where an inject is."""

    WAITING = "waiting"
    """For its entry or event."""
    DUE = "due"
    HELD = "held"
    DELIVERED = "delivered"
    SKIPPED = "skipped"


@dataclass(slots=True)
class Cue:
    """One inject on its way."""

    inject: AnyInject
    jitter: float
    stage: Stage = Stage.WAITING
    due: float | None = None
    delivered_at: float | None = None
    lift: Callable[[], None] | None = None
    """Takes back what lasts of it."""

    def lifted(self) -> bool:
        """Take back what lasts of it; whether anything was there to take back."""
        lift, self.lift = self.lift, None
        if lift is not None:
            lift()
        return lift is not None

    def said(self) -> str:
        """It on one line, for the facilitator."""
        when = "" if self.due is None else f" {clock_text(self.due)}"
        if self.stage is Stage.DUE and self.inject.by_hand:
            when += " (yours to bring)"
        text = getattr(self.inject, "text", self.inject.kind)
        return f"  {self.stage:9}{when:8} {self.inject.id}: {text}  -> {self.inject.expected or '-'}"
