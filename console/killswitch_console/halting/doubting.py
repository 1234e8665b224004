"""What a hold makes of doubts about targets that an earlier watch proved stopped: for a while nothing, then their due.

A watch that has just begun knows less than the one before it: a stream is not connected yet, pods went before anybody
looked. That alone does not undo a proof, which has its time beside it; a hold would flicker at every change of hands.
Whatever acts, or still runs, counts at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from killswitch_backends.protocol import Observation, Sight
from killswitch_inventory.targets import TargetId

SETTLE_SECONDS: Final = {Sight.UNKNOWN: 10.0, Sight.DRAINING: 60.0}
"""How long a new watch may take to see (to connect) and to account for all (a pod's grace)."""


@dataclass(slots=True)
class Doubts:
    """The targets whose earlier proof stands until a new watch has had its time."""

    _since: dict[TargetId, float] = field(default_factory=dict)
    """When the watch of each began, on the loop's clock."""
    _doubted: dict[TargetId, Observation] = field(default_factory=dict)
    """The last observation that was not believed yet."""

    def inherit(self, target: TargetId, now: float) -> None:
        """An earlier watch proved it; a new one begins."""
        self._since[target] = now

    def puts_off(self, observation: Observation, now: float) -> bool:
        """Whether an observation is no more than a doubt that may yet settle."""
        target = observation.target
        if target not in self._since:
            return False
        if observation.running or observation.sight not in SETTLE_SECONDS or self._is_due(observation, now):
            self._since.pop(target)
            self._doubted.pop(target, None)
            return False
        self._doubted[target] = observation
        return True

    def due(self, now: float) -> list[Observation]:
        """The doubts that did not settle in time: they are believed now."""
        found = [one for one in self._doubted.values() if self._is_due(one, now)]
        for one in found:
            del self._doubted[one.target], self._since[one.target]
        return found

    def _is_due(self, observation: Observation, now: float) -> bool:
        return now - self._since[observation.target] > SETTLE_SECONDS[observation.sight]
