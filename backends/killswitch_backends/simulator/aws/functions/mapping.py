"""Event source mappings: Lambda's own pollers, which take their time to start and to stop."""

from __future__ import annotations

from dataclasses import dataclass

from killswitch_backends.simulator.aws.functions.function import Function


@dataclass(slots=True, eq=False)
class SourceMapping:
    """One mapping of an event source (a queue) to a function. Its state depends on the time it is asked at."""

    uuid: str
    arn: str
    function: Function
    function_arn: str
    """As it was given: with an alias or without."""
    source_arn: str
    batch_size: int
    modified: float
    """Seconds since the epoch."""
    state: str = "Enabled"
    """The state it is in, or comes from while ``_goal`` is set."""
    _goal: str = ""
    _until: float = 0.0

    def turn(self, *, through: str, goal: str, until: float) -> None:
        """Begin a transition that ends at this monotonic time."""
        self.state, self._goal, self._until = through, goal, until

    def state_at(self, now: float) -> str:
        """The state at this monotonic time: ``Deleted`` means that it no longer exists."""
        if self._goal and now >= self._until:
            self.state, self._goal = self._goal, ""
        return self.state

    def in_transition(self, now: float) -> bool:
        return self.state_at(now) not in ("Enabled", "Disabled")

    def polls(self, now: float) -> bool:
        """Whether it still invokes the function: a mapping that is being disabled does until it is disabled."""
        return self.state_at(now) in ("Enabled", "Disabling", "Updating")
