"""The board: where every target of one halt stands, kept by the lanes, shown to the faces, saved to the ledger.

It coalesces: lanes may move thousands of targets a second; faces and ledger get the latest of each, some ten times a
second. A ledger that cannot be written never stops it (safety rule 2): it says so once and keeps trying.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from killswitch_console.halting.events import EngineEvent, TargetsMoved, Warned
from killswitch_console.halting.ledger import Ledger, LedgerError
from killswitch_console.halting.progress import TargetProgress
from killswitch_inventory.targets import Layer, TargetId

Publish = Callable[[EngineEvent], None]

FLUSH_SECONDS = 0.1
"""How long a change may wait before faces and ledger have it."""

FLUSH_MOST = 1000
"""Rows in one background transaction, so that it never holds up the intent of targets about to be changed."""


class Board:
    """The progress of one halt's targets. One event loop owns it."""

    def __init__(
        self, halt_id: str, targets: Iterable[TargetProgress], ledger: Ledger | None, publish: Publish
    ) -> None:
        self.halt_id = halt_id
        self._progress = {t.target: t for t in targets}
        self._ledger = ledger
        self._publish = publish
        self._unshown: set[TargetId] = set()
        self._unsaved = set(self._progress)
        self._unsettled = {t.target for t in self._progress.values() if not t.state.settled}
        self._moved = asyncio.Event()
        self.warnings: list[str] = []

    def __getitem__(self, target: TargetId) -> TargetProgress:
        return self._progress[target]

    def __iter__(self) -> Iterator[TargetProgress]:
        return iter(self._progress.values())

    @property
    def settled(self) -> bool:
        """Whether no target will change any more by waiting."""
        return not self._unsettled

    def settled_at(self, layer: Layer, *, of: TargetProgress | None = None) -> bool:
        """Whether all targets of a layer are settled: all of them, or those sharing an agent with one target."""
        agents = set(of.agents) if of else None
        return all(
            t.state.settled
            for t in self._progress.values()
            if t.layer is layer and (agents is None or not agents.isdisjoint(t.agents))
        )

    def move(self, progress: TargetProgress) -> None:
        """Put a target where it now is."""
        target = progress.target
        self._progress[target] = progress
        self._unshown.add(target)
        self._unsaved.add(target)
        if progress.state.settled:
            self._unsettled.discard(target)
        else:
            self._unsettled.add(target)
        self._moved.set()

    async def moved(self) -> None:
        """Wait for the next move."""
        self._moved.clear()
        await self._moved.wait()

    async def make_durable(self, targets: Iterable[TargetProgress]) -> None:
        """Have intent and prior state of some targets on disk before they are changed; go on if that cannot be had."""
        unsaved = [t for t in targets if t.target in self._unsaved]
        if self._ledger is None or not unsaved:
            return
        self._unsaved.difference_update(t.target for t in unsaved)
        try:
            await self._ledger.save(self.halt_id, unsaved)
        except LedgerError as error:
            self._unsaved.update(t.target for t in unsaved)
            self.warn(f"the ledger cannot be written, the work goes on without it: {error}")

    def durable(self, targets: Iterable[TargetProgress]) -> None:
        """Note that these are on disk as they are now."""
        self._unsaved.difference_update(t.target for t in targets)

    async def keep_flushing(self) -> None:
        """Show and save what moved, until cancelled."""
        while True:
            self.show()
            await self.make_durable([self._progress[t] for t in islice(self._unsaved, FLUSH_MOST)])
            await asyncio.sleep(FLUSH_SECONDS)

    async def flush(self) -> None:
        """Show and save all that is left."""
        self.show()
        await self.make_durable(self._progress[t] for t in tuple(self._unsaved))

    def show(self) -> None:
        """Tell the faces what moved since the last time."""
        if self._unshown:
            shown, self._unshown = self._unshown, set()
            self._publish(TargetsMoved(self.halt_id, tuple(self._progress[t] for t in sorted(shown))))

    def warn(self, text: str) -> None:
        """Say something once, to faces and record."""
        if text not in self.warnings:
            self.warnings.append(text)
            self._publish(Warned(text, self.halt_id))
