"""What a backend may offer around a restore: to announce it, to tell of another console's, to foresee what it meets.

A hold must halt again what somebody revived, and must leave alone what another bastion's console restored. It knows the
one from the other by an announcement: whoever restores a halt that another bastion may hold writes that on each target
first, while it is still halted, and gives holds the time to see it. A mark that merely disappears announces nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol, runtime_checkable

from killswitch_backends.protocol import FieldChange, Order, Watch
from killswitch_inventory.sightings import HaltMark
from killswitch_inventory.targets import TargetId

STANDS_FOR: Final = timedelta(minutes=15)
"""How long an announcement counts: a restore that died must not end a hold for good. Longer than clocks differ."""


@dataclass(frozen=True, slots=True)
class RestoredElsewhere:
    """A restore of a halted target that another console announced or made, as the platform tells of it."""

    by: str
    at: str
    """When it was ordered, in the announcement's own words; may be empty."""
    done: bool
    """The halt's mark is gone: that console is through with the target."""
    differences: tuple[FieldChange, ...] = ()
    """What is not as it was before the halt: field, what it was, what was found."""


@runtime_checkable
class SharesRestores(Protocol):
    """What a backend offers whose restores holds of other bastions can tell from revivals."""

    @property
    def announces(self) -> bool:
        """Whether a restore needs an announcement: where False, the platform's own history tells who made it."""
        ...

    def notice_seconds(self, targets: int) -> float:
        """How long a hold elsewhere may take to see an announcement on one of so many targets."""
        ...

    async def announce(self, watch: Watch, order: Order) -> None:
        """Write on a halted target who is about to restore it; it stays halted. Raises a ``Problem``."""
        ...

    async def withdraw(self, watch: Watch, order: Order) -> None:
        """Take the announcement back: it is not restored after all. Raises a ``Problem``."""
        ...

    async def elsewhere(self, watch: Watch, order: Order, announced: HaltMark | None) -> RestoredElsewhere | None:
        """Whether a target that acts again is being (or was) restored by another console.

        Args:
            watch: the target.
            order: the halt's.
            announced: the announcement that was seen on it, if one was.

        Returns None when nobody's restore explains it: it was revived. Changes nothing. Raises a ``Problem``.
        """
        ...


def in_progress(announced: HaltMark | None, found: HaltMark | None, now: datetime) -> HaltMark | None:
    """The announcement that counts now, given the one seen earlier and the mark that is there; None if none does.

    One that was withdrawn (the mark is there without it), is of long ago, or carries no time that reads, does not.
    """
    counts = found if found is not None else announced
    if counts is None or not counts.restorer:
        return None
    try:
        at = datetime.fromisoformat(counts.restore_at)
    except ValueError:
        return None
    return counts if at.tzinfo is not None and abs(now - at) <= STANDS_FOR else None


def told_of(
    announced: HaltMark | None, found: HaltMark | None, now: datetime, differences: Sequence[FieldChange]
) -> RestoredElsewhere | None:
    """What a backend answers to ``elsewhere`` from the mark and the fields that it reads."""
    counts = in_progress(announced, found, now)
    if counts is None:
        return None
    return RestoredElsewhere(counts.restorer, counts.restore_at, done=found is None, differences=tuple(differences))


@dataclass(frozen=True, slots=True)
class RestorePreflight:
    """What restoring one target would mean, found without changing anything."""

    target: TargetId
    action: str
    """What it would be made again, in words: ``scale 0 -> 3``."""
    obstacles: tuple[str, ...] = ()
    """Why the platform would refuse it now: a right that is missing, a quota without room. Each says what to do."""
    backlog: tuple[str, ...] = ()
    """What waited meanwhile and is worked off at once when it comes back, or why that cannot be told."""
    unknown: tuple[str, ...] = ()
    """What could not be asked."""


@runtime_checkable
class ForeseesRestores(Protocol):
    """What a backend offers that can say what a restore would meet, without changing anything."""

    async def foresee(self, watches: Sequence[Watch], order: Order) -> Sequence[RestorePreflight]:
        """One answer per watch, in any order; quotas are summed over all of them. Raises a ``Problem``."""
        ...
