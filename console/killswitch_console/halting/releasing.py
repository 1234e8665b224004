"""When the targets of a halt are let go to their lane: all at once, or in a graceful halt layer after layer.

Must not hold anything back beyond a bound: flags that cannot be proven off delay processes by seconds, and processes
that do not drain delay credentials until the scope's objective.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

from killswitch_backends.protocol import Profile
from killswitch_console.halting.board import Board
from killswitch_console.halting.lane import CHUNK, CHUNK_MOST, Lane
from killswitch_console.halting.progress import TargetProgress
from killswitch_console.halting.record import HaltHeader
from killswitch_inventory.targets import Layer

FLAG_LEAD_SECONDS: Final = 5.0
"""In a graceful halt: how long processes wait for the flags to be proven off before they are drained anyway."""


@dataclass(frozen=True, slots=True)
class Release:
    """Lets the targets of one halt go."""

    header: HaltHeader
    board: Board

    async def feed(self, lane: Lane, targets: list[TargetProgress]) -> None:
        """Hand a lane its targets of one layer as they are let go, each once its intent is durable."""
        async for released in self._released(targets):
            for chunk in chunks(released):
                await self.board.make_durable(chunk)
                lane.feed(chunk)

    async def _released(self, targets: list[TargetProgress]) -> AsyncIterator[list[TargetProgress]]:
        """Let targets go as the profile says (design.md section 1): all at once unless it is graceful."""
        layer = targets[0].layer
        if self.header.profile is not Profile.GRACEFUL or layer is Layer.CAPABILITY:
            yield targets
        elif layer is Layer.PROCESS:
            await self.board.until(lambda: self.board.settled_at(Layer.CAPABILITY), FLAG_LEAD_SECONDS)
            yield targets
        else:
            async for drained in self._as_they_drain(targets):
                yield drained

    async def _as_they_drain(self, targets: list[TargetProgress]) -> AsyncIterator[list[TargetProgress]]:
        """Release each credential once the processes that use it have ended, all of them at the scope's objective."""
        waiting = targets
        deadline = asyncio.get_running_loop().time() + self.header.slo_seconds
        while waiting:
            left = deadline - asyncio.get_running_loop().time()
            ready = [t for t in waiting if left <= 0 or self._drained(t)]
            if ready:
                gone = {t.target for t in ready}
                waiting = [t for t in waiting if t.target not in gone]
                yield ready
            else:
                await self.board.until(partial(self._any_drained, waiting), left)

    def _any_drained(self, targets: list[TargetProgress]) -> bool:
        return any(map(self._drained, targets))

    def _drained(self, target: TargetProgress) -> bool:
        return self.board.settled_at(Layer.PROCESS, of=target)


def chunks(targets: list[TargetProgress]) -> Iterator[list[TargetProgress]]:
    """Targets in the order given, a few at first, then more at a time."""
    start, size = 0, CHUNK
    while start < len(targets):
        yield targets[start : start + size]
        start, size = start + size, min(4 * size, CHUNK_MOST)
