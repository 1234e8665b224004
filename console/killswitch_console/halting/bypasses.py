"""What was turned off behind the console's back: targets at zero, denied or off that no halt explains.

Data for ``check`` and the screen. An agent that was always idle looks the same; so this is a question to a person, and
who did it (where the platform's log tells) the beginning of an answer.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

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


@dataclass(frozen=True, slots=True)
class Bypass:
    """One target that is off without a halt. ``unknown`` says why nobody can be named, if so."""

    target: TargetId
    agents: tuple[AgentKey, ...]
    deed: Deed | None = None
    unknown: str = ""


def unexplained(fleet: Fleet, records: Iterable[HaltRecord]) -> list[Bypass]:
    """The fleet's targets that are off, carry no halt's mark, and are in no halt that is in force."""
    explained = {target.target for record in records if record.held for target in record.targets}
    found = (seen for seen in _seen(fleet) if seen.off and seen.mark is None and seen.target not in explained)
    return [
        Bypass(seen.target, tuple(sorted(fleet.agents_of(seen.target))))
        for seen in sorted(found, key=lambda seen: seen.target)
    ]


def _seen(fleet: Fleet) -> Iterator[TargetSighting]:
    bound = {binding.target for key in fleet.keys() for binding in fleet.bindings(key)}  # noqa: SIM118  (a method of its own)
    yield from fleet.stopping_all()
    yield from (seen for target in bound if (seen := fleet.target(target)) is not None)


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
