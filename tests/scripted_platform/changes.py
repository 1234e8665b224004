"""What changed in a world, for one who looks at it: gathered while nobody asks, told from any thread."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from killswitch_inventory.targets import TargetId


class Changes:
    """Targets that are not as they were when this reader looked last. Made on the reader's loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._targets: dict[TargetId, None] = {}
        self._awake = asyncio.Event()

    def tell(self, *targets: TargetId) -> None:
        """These changed (none: wake the reader all the same)."""
        self._loop.call_soon_threadsafe(self._wake, targets)

    def _wake(self, targets: Iterable[TargetId]) -> None:
        self._targets.update(dict.fromkeys(targets))
        self._awake.set()

    def again(self, targets: Sequence[TargetId]) -> None:
        """Have the reader look once more at these, if there are any; on its own loop."""
        if targets:
            self._wake(targets)

    async def gathered(self, seconds: float) -> list[TargetId]:
        """Wait until there is something, then so many seconds, and take all there is."""
        await self._awake.wait()
        await asyncio.sleep(seconds)
        self._awake.clear()
        targets = list(self._targets)
        self._targets.clear()
        return targets
