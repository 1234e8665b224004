"""How much is known through each backend, and since when: a backend that cannot see must never look like an empty one.

What a backend said of its targets is the fleet's; here is only how far its word goes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from killswitch_inventory.targets import BackendRef


class Sightedness(StrEnum):
    """How much the fleet knows through one backend."""

    WAITING = "waiting"
    """Nothing was heard of it yet."""
    LISTING = "listing"
    LIVE = "live"
    STALE = "stale"
    """It listed once, but cannot see now: facts stay and age."""
    FAILED = "failed"
    """It never gave a whole listing."""


@dataclass(frozen=True, slots=True)
class BackendView:
    """What is known through one backend, and since when."""

    ref: BackendRef
    sightedness: Sightedness
    as_of: datetime | None = None
    """When it last was whole (a completed listing or a change after one); None before the first."""
    problem: str = ""


class BackendViews:
    """The view of each backend that reports, or should."""

    def __init__(self, backends: Iterable[BackendRef]) -> None:
        self._views = {ref: BackendView(ref, Sightedness.WAITING) for ref in backends}

    def all(self) -> tuple[BackendView, ...]:
        """What is known through each."""
        return tuple(self._views.values())

    def of(self, ref: BackendRef) -> BackendView | None:
        """What is known through one; None for one that nobody expected and that said nothing."""
        return self._views.get(ref)

    def heard(self, ref: BackendRef, at: datetime) -> None:
        """Something came: what is whole is as of now."""
        known = self._views.get(ref)
        if known and known.sightedness is Sightedness.LIVE:
            self._views[ref] = replace(known, as_of=at)

    def listing(self, ref: BackendRef) -> None:
        """It began to list; until that is whole, it is as old as it was."""
        known = self._views.get(ref)
        self._views[ref] = BackendView(ref, Sightedness.LISTING, known.as_of if known else None)

    def listed(self, ref: BackendRef, at: datetime) -> None:
        """It listed everything."""
        self._views[ref] = BackendView(ref, Sightedness.LIVE, at)

    def remembered(self, ref: BackendRef, as_of: datetime) -> None:
        """What an earlier session knew of it was taken in."""
        self._views[ref] = replace(self._views[ref], as_of=as_of)

    def failed(self, ref: BackendRef, problem: str) -> None:
        """It cannot see now: what it listed before is stale, and without that there is nothing."""
        known = self._views.get(ref)
        as_of = known.as_of if known else None
        self._views[ref] = BackendView(ref, Sightedness.STALE if as_of else Sightedness.FAILED, as_of, problem)
