"""Going through much in slices: a fleet may be 100,000 agents, and its loop sees halts, holds and proofs through."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Final, TypeVar

SLICE: Final = 250
"""Things looked at between two turns of the loop: some milliseconds."""

_T = TypeVar("_T")


async def in_turns(things: Iterable[_T]) -> AsyncIterator[_T]:
    """Each of many things, with a turn for everything else of the loop after every ``SLICE``.

    ``things`` must stay as it is meanwhile: a copy, or what nobody else changes.
    """
    for number, thing in enumerate(things, start=1):
        yield thing
        if number % SLICE == 0:
            await asyncio.sleep(0)
