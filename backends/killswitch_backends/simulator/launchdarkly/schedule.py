"""Scheduled changes: instructions that LaunchDarkly carries out on a flag at a set time."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from killswitch_backends.simulator.launchdarkly.accounts import Caller
from killswitch_backends.simulator.launchdarkly.flags import Json
from killswitch_backends.simulator.seams import FLAG_ENVIRONMENT, PROJECT


@dataclass(frozen=True, slots=True)
class Scheduled:
    """One scheduled change."""

    id: str
    flag: str
    due: int
    """Unix milliseconds."""
    instructions: tuple[Mapping[str, Json], ...]
    maker: Caller
    created: int
    environment: str = FLAG_ENVIRONMENT


@dataclass(slots=True)
class Schedule:
    """The changes that are yet to be made."""

    _pending: dict[str, Scheduled] = field(default_factory=dict)
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def add(
        self, flag: str, due: int, instructions: tuple[Mapping[str, Json], ...], maker: Caller, environment: str
    ) -> Scheduled:
        now = int(time.time() * 1000)
        change = Scheduled(f"{next(self._ids):024x}", flag, due, instructions, maker, now, environment)
        self._pending[change.id] = change
        return change

    def of(self, flag: str, environment: str) -> list[Scheduled]:
        """What is scheduled for one flag in one environment, soonest first."""
        found = (c for c in self._pending.values() if (c.flag, c.environment) == (flag, environment))
        return sorted(found, key=lambda c: c.due)

    def take_due(self) -> list[Scheduled]:
        """Remove and return what is due by now, soonest first."""
        now = time.time() * 1000
        due = sorted((change for change in self._pending.values() if change.due <= now), key=lambda c: c.due)
        for change in due:
            del self._pending[change.id]
        return due


def rendered(change: Scheduled) -> Json:
    """A scheduled change as the API lists it."""
    flag = f"/api/v2/projects/{PROJECT}/flags/{change.flag}"
    href = f"{flag}/environments/{change.environment}/scheduled-changes/{change.id}"
    return {
        "_id": change.id,
        "_creationDate": change.created,
        "_maintainerId": change.maker.id,
        "_version": 1,
        "executionDate": change.due,
        "instructions": list(change.instructions),
        "_links": {"self": {"href": href, "type": "application/json"}},
    }
