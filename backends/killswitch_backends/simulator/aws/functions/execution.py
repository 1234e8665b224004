"""One durable execution: where it stands, by the simulator's monotonic clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from killswitch_backends.simulator.aws.functions.function import Function
    from killswitch_backends.simulator.aws.functions.region import Region

ROUNDS = 20
"""Invocations until an execution is done; between two of them it waits without running."""


@dataclass(slots=True, eq=False)
class Execution:
    """It alternates between being invoked and waiting. A pause takes effect a moment after it was asked for, and while
    an invocation is under way it is ``PAUSING``: here an invocation has no checkpoint but its end.
    """

    region: Region
    function: Function
    arn: str
    name: str
    started: float
    rounds: int = ROUNDS
    invoked: bool = False
    waiting: bool = False
    """Whether its next invocation is on the timetable."""
    ended: str = ""
    """The status it ended with."""
    pause_requested: float | None = None
    """Wall-clock time."""
    _pause_at: float = 0.0

    def pause(self, *, at: float, requested: float) -> None:
        self.pause_requested, self._pause_at = requested, at

    def unpause(self) -> None:
        self.pause_requested = None

    def status_at(self, now: float) -> str:
        if self.ended:
            return self.ended
        if self.pause_requested is None or now < self._pause_at:
            return "RUNNING"
        return "PAUSING" if self.invoked else "PAUSED"

    def round_over(self) -> None:
        """One of its invocations ended."""
        self.invoked = False
        self.rounds -= 1
        if self.rounds <= 0 and not self.ended:
            self.ended = "SUCCEEDED"
