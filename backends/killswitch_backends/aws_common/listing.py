"""The sight loop of a platform without push: list, wait, list again; on a failure say so and back off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime

from killswitch_backends.problems import Problem
from killswitch_inventory.sightings import Sighting, SightingFailed
from killswitch_inventory.targets import BackendRef

_FIRST_PAUSE, _LONGEST_PAUSE = 2.0, 60.0


async def relisted(
    listing: Callable[[], AsyncIterator[Sighting]], *, ref: BackendRef, every: float, now: Callable[[], datetime]
) -> AsyncIterator[Sighting]:
    """Repeat a whole listing ``every`` seconds until closed. A platform's failure is a sighting, not an end."""
    pause = _FIRST_PAUSE
    while True:
        try:
            async for sighting in listing():
                yield sighting
            wait, pause = every, _FIRST_PAUSE
        except Problem as problem:
            yield SightingFailed(ref, now(), str(problem))
            wait, pause = pause, min(pause * 2, _LONGEST_PAUSE)
        await asyncio.sleep(wait)
