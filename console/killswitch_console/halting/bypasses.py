"""What was turned off behind the console's back: targets at zero, denied or off that no halt explains.

Data for ``check`` and the screen. An agent that was always idle looks the same; so this is a question to a person, and
who did it (where the platform's log tells) the beginning of an answer.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from killswitch_backends.attribution import Attributing, Deed
from killswitch_backends.problems import Problem
from killswitch_backends.protocol import Backend
from killswitch_console.halting.record import HaltRecord
from killswitch_inventory.agents import AgentKey
from killswitch_inventory.fleet import Fleet
from killswitch_inventory.sightings import TargetSighting
from killswitch_inventory.targets import BackendRef, TargetId

ASK_SECONDS = 20.0
"""Longest that the platforms' logs may take: whatever they tell by then is shown."""

AFTERGLOW = timedelta(minutes=2)
"""How long after a restore a listing may still show what the halt made."""


@dataclass(frozen=True, slots=True)
class Bypass:
    """One target that is off without a halt. ``unknown`` says why nobody can be named, if so."""

    target: TargetId
    agents: tuple[AgentKey, ...]
    deed: Deed | None = None
    unknown: str = ""

    @property
    def who(self) -> str:
        """Who did it and when, or why nobody can be named, in words. Platform text in it is hostile until shown."""
        if self.deed is None:
            return self.unknown
        source = f" from {self.deed.source}" if self.deed.source else ""
        return f"{self.deed.action} by {self.deed.who} at {self.deed.at:%Y-%m-%d %H:%M:%SZ}{source}"


def unexplained(fleet: Fleet, records: Iterable[HaltRecord], now: datetime) -> list[Bypass]:
    """The fleet's targets that are off, carry no halt's mark, and are in no halt that is in force or just was."""
    explained = {target.target for record in records if _explains(record, now) for target in record.targets}
    return [
        Bypass(seen.target, tuple(sorted(agents)))
        for seen in sorted(_off(fleet), key=lambda seen: seen.target)
        if seen.target not in explained and ((agents := fleet.agents_of(seen.target)) or seen.stops_all)
    ]


def _explains(record: HaltRecord, now: datetime) -> bool:
    return record.held or (record.restored_at is not None and now - record.restored_at < AFTERGLOW)


def _off(fleet: Fleet) -> Iterator[TargetSighting]:
    for view in fleet.backends:
        yield from (seen for seen in fleet.sightings(view.ref) if seen.off and seen.mark is None)


async def attributed(bypasses: Iterable[Bypass], backends: Mapping[BackendRef, Backend]) -> list[Bypass]:
    """The same, with who did it where a platform's log tells."""
    by_backend: defaultdict[BackendRef, list[Bypass]] = defaultdict(list)
    for bypass in bypasses:
        by_backend[bypass.target.backend].append(bypass)
    async with asyncio.TaskGroup() as group:
        asking = [group.create_task(_asked(found, backends.get(ref))) for ref, found in sorted(by_backend.items())]
    return [bypass for task in asking for bypass in task.result()]


async def _asked(bypasses: list[Bypass], backend: object) -> list[Bypass]:
    if not isinstance(backend, Attributing):
        return [replace(bypass, unknown="its platform keeps no log that this console reads") for bypass in bypasses]
    try:
        async with asyncio.timeout(ASK_SECONDS):
            deeds = await backend.deeds([bypass.target for bypass in bypasses])
    except Problem as problem:
        return [replace(bypass, unknown=str(problem)) for bypass in bypasses]
    except TimeoutError:
        return [replace(bypass, unknown=f"its platform's log took over {ASK_SECONDS:g} s") for bypass in bypasses]
    return [
        replace(
            bypass, deed=deeds.get(bypass.target), unknown="" if bypass.target in deeds else "nothing is logged yet"
        )
        for bypass in bypasses
    ]
