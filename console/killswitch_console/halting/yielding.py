"""A hold, or a halt under way, gives way to a restore that another console makes of it, and to nothing else.

What tells the two apart is ``restores.py``: an announcement on the target, or the platform's own history. A target that
acts again without either was revived, whatever became of its mark, and is halted again. So is one whose announcement is
of another halt's restore, or older than a person's order to resume this one: the latest order of a person counts. It
decides nothing and halts nothing itself; when a platform gives no answer, the target counts as revived.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from killswitch_backends.problems import Problem
from killswitch_backends.protocol import Backend, Evidence, Grade, Observation, Order, Watch
from killswitch_backends.restores import RestoredElsewhere, SharesRestores
from killswitch_console.halting.progress import TargetProgress, TargetState
from killswitch_inventory.sightings import HaltMark
from killswitch_inventory.targets import TargetId

ASK_SECONDS: Final = 2.0
"""How long a platform may take to tell of a restore; a revival waits no longer to be halted again."""

AGAIN_SECONDS: Final = 1.0
"""Pause before a restore that is under way is asked about again."""


@dataclass(slots=True)
class Yielding:
    """What one hold, or one halt under way, knows of other consoles' restores on one backend."""

    backend: Backend
    order: Order
    now: Callable[[], datetime]
    tell: Callable[[RestoredElsewhere], None]
    """Hears once of each restore that is given way to."""
    announced: dict[TargetId, HaltMark] = field(default_factory=dict)
    """Announcements by target: this bastion's own restore that was cut short is one too."""
    told: set[str] = field(default_factory=set)
    """Who was told of already; the backends of one halt share it."""
    since: datetime | None = None
    """When a person ordered to resume the halt: a restore that was ordered before does not count any more. None for a
    halt that was not: a restore of it can only have come later, whatever the other bastion's clock says."""

    def may(self, observation: Observation) -> bool:
        """Whether a target that acts again may have been restored by another console; asks nobody."""
        if not isinstance(self.backend, SharesRestores):
            return False
        if observation.announced is not None:
            self.announced[observation.target] = observation.announced
        known = self.announced.get(observation.target)
        if known is None:
            return not self.backend.announces
        return bool(known.restorer) and known.halt_id == self.order.halt_id and self._is_later(known.restore_at)

    async def ask(self, watch: Watch) -> RestoredElsewhere | None:
        """Whose restore it is; None: nobody's, it was revived."""
        assert isinstance(self.backend, SharesRestores), "may() first"  # noqa: S101
        try:
            async with asyncio.timeout(ASK_SECONDS):
                found = await self.backend.elsewhere(watch, self.order, self.announced.get(watch.target))
        except (Problem, TimeoutError):
            return None
        return found if found is not None and self._is_later(found.at) else None

    def _is_later(self, ordered_at: str) -> bool:
        """Whether a restore was ordered after this halt was resumed; where that cannot be told, it was not."""
        if self.since is None:
            return True
        try:
            at = datetime.fromisoformat(ordered_at)
        except ValueError:
            return False
        return at.tzinfo is not None and at > self.since

    def say(self, found: RestoredElsewhere) -> None:
        """Tell of a person's restore, once."""
        person = found.by.partition(" (")[0]  # one platform may tell more of them than another
        if person not in self.told:
            self.told.add(person)
            self.tell(found)


def under_way(progress: TargetProgress, found: RestoredElsewhere) -> TargetProgress:
    """A target that another console is restoring: not known to be stopped any more, and not halted again."""
    note = f"being restored by {found.by} from another console"
    return replace(progress, state=TargetState.UNKNOWN, evidence=None, note=note, error="", running=None)


def given_up(progress: TargetProgress, found: RestoredElsewhere, at: datetime) -> TargetProgress:
    """A target that another console restored: read back as before the halt, or in conflict with it."""
    said = f"restored by {found.by} from another console" + (f", ordered {found.at}" if found.at else "")
    if found.differences:
        changes = tuple(found.differences)
        why = f"{said}; it is not as it was: {', '.join(change.field for change in changes)}"
        return replace(
            _let_go(progress), state=TargetState.CONFLICT, evidence=None, error=why, changes=changes, note=said
        )
    evidence = Evidence(Grade.OBSERVED, f"{said}; read back: as before the halt, no mark", at)
    return replace(_let_go(progress), state=TargetState.RESTORED, evidence=evidence, error="", note=said)


def _let_go(progress: TargetProgress) -> TargetProgress:
    return replace(progress, lifted=True, running=None, fighting=False, released=False)
