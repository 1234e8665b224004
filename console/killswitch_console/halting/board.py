"""The board: where every target of one halt stands, kept by the lanes, shown to the faces, saved to the ledger.

It coalesces: lanes may move thousands of targets a second; faces get the latest of each ten times a second, the ledger
once. A ledger that cannot be written never stops it (safety rule 2): it says so once, keeps trying in the background,
and no longer makes anybody wait for it until it works again.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import islice

from killswitch_backends.protocol import Captured
from killswitch_console.halting import happenings
from killswitch_console.halting.events import EngineEvent, TargetsMoved, Warned
from killswitch_console.halting.ledger import Ledger, LedgerError
from killswitch_console.halting.progress import TargetProgress
from killswitch_console.halting.record import HaltHeader
from killswitch_console.halting.recording import UNRECORDED, Recorder
from killswitch_console.halting.reviving import Revival
from killswitch_inventory.agents import AgentKey
from killswitch_inventory.targets import Layer, TargetId

Publish = Callable[[EngineEvent], None]

SHOW_SECONDS = 0.1
"""How long a change may wait before faces have it."""

SAVE_SECONDS = 1.0
"""How long a change may wait before the ledger has it. An intent does not wait; what is lost with the process here is
how far its targets got, which ``resume`` finds out by looking."""

FLUSH_MOST = 1000
"""Rows in one background transaction, so that it never holds up the intent of targets about to be changed."""

LEDGER_SECONDS = 3.0
"""Longest wait for one write, however the disk hangs; longer than SQLite's own wait for another process."""


class Board:
    """The progress of one halt's targets. One event loop owns it."""

    def __init__(
        self,
        halt_id: str,
        targets: Iterable[TargetProgress],
        ledger: Ledger | None,
        publish: Publish,
        *,
        unwritten: HaltHeader | None = None,
        recorder: Recorder = UNRECORDED,
    ) -> None:
        """Take over targets as they are.

        Args:
            halt_id: the halt they belong to.
            targets: where each of them stands.
            ledger: where to keep that, if anywhere.
            publish: where faces are told of moves.
            unwritten: the halt's header, when the ledger does not have it yet: it goes with the first write.
            recorder: the audit trail.
        """
        self.halt_id = halt_id
        self._progress = {t.target: t for t in targets}
        self._ledger = ledger
        self._publish = publish
        self._recorder = recorder
        self._header = unwritten
        """The halt's header, while the ledger does not have it as it is."""
        self._is_new = unwritten is not None
        """Whether the ledger does not know the halt at all yet."""
        self._ledger_broken = False
        self._writing = asyncio.Lock()
        self._unshown: set[TargetId] = set()
        self._unsaved = set(self._progress)
        self._told: dict[TargetId, Captured | None] = {}
        """The prior states that the audit trail has been told as intents."""
        self._unnoted: dict[tuple[TargetId, datetime], Revival] = {}
        self._unsettled: set[TargetId] = set()
        self._unsettled_of: Counter[tuple[Layer, AgentKey | None]] = Counter()
        """Unsettled targets by layer, and by layer and agent."""
        for target in self._progress.values():
            self._count(target, settled=target.state.settled)
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
        if of is None:
            return not self._unsettled_of[layer, None]
        return not any(self._unsettled_of[layer, agent] for agent in of.agents)

    def move(self, progress: TargetProgress) -> None:
        """Put a target where it now is."""
        target = progress.target
        for kind, data in happenings.moved(self._progress[target], progress):
            self._recorder.note(kind, data, halt_id=self.halt_id)
        self._progress[target] = progress
        self._unshown.add(target)
        self._unsaved.add(target)
        self._count(progress, settled=progress.state.settled)
        self._moved.set()

    def _count(self, progress: TargetProgress, *, settled: bool) -> None:
        """Keep the set and the numbers of unsettled targets; agents and layer of a target never change."""
        if settled == (progress.target not in self._unsettled):
            return
        (self._unsettled.discard if settled else self._unsettled.add)(progress.target)
        for agent in (None, *progress.agents):
            self._unsettled_of[progress.layer, agent] += -1 if settled else 1

    def adopt(self, targets: Iterable[TargetProgress], header: HaltHeader) -> None:
        """Take further targets in, and the header with them; ``make_durable`` must come before they are changed."""
        for target in targets:
            if target.target not in self._progress:
                self._progress[target.target] = target
                self._unshown.add(target.target)
                self._unsaved.add(target.target)
                self._count(target, settled=target.state.settled)
        self._header = header
        self.stir()

    def stir(self) -> None:
        """Let whoever waits for a move look again."""
        self._moved.set()

    def tell(self, event: EngineEvent) -> None:
        """Tell the faces something at once, after what moved before it."""
        self.show()
        self._publish(event)

    def note_revival(self, revival: Revival) -> None:
        """Keep a revival, with the next write."""
        self._unnoted[revival.target, revival.at] = revival

    async def moved(self) -> None:
        """Wait for the next move."""
        self._moved.clear()
        await self._moved.wait()

    async def until(self, condition: Callable[[], bool], seconds: float) -> None:
        """Wait until a condition on what moves holds, ``seconds`` at most."""
        try:
            async with asyncio.timeout(seconds):
                while not condition():
                    await self.moved()
        except TimeoutError:
            return

    async def make_durable(self, targets: Iterable[TargetProgress]) -> None:
        """Have intent and prior state of some targets on disk before they are changed; go on if that cannot be had.

        What a flush is writing just now is waited for, too: it is not on disk before that is done.
        """
        targets = tuple(targets)
        work = [self._save(targets, unless_broken=True)]
        if untold := [t for t in targets if self._told.get(t.target) != t.captured or t.target not in self._told]:
            self._told.update({t.target: t.captured for t in untold})
            kind, data = happenings.intent(untold)
            work.append(self._recorder.record(kind, data, halt_id=self.halt_id))
        await asyncio.gather(*work)

    def durable(self, targets: Iterable[TargetProgress]) -> None:
        """Note that these are on disk as they are now."""
        self._unsaved.difference_update(t.target for t in targets)

    async def keep_flushing(self) -> None:
        """Show and save what moved, until cancelled."""
        clock = asyncio.get_running_loop().time
        saved = clock()
        while True:
            self.show()
            if len(self._unsaved) >= FLUSH_MOST or clock() - saved >= SAVE_SECONDS:
                await self._save([self._progress[t] for t in islice(self._unsaved, FLUSH_MOST)])
                saved = clock()
            await asyncio.sleep(SHOW_SECONDS)

    async def flush(self) -> bool:
        """Show and save all that is left; whether the ledger has it all."""
        self.show()
        await self._save([self._progress[t] for t in self._unsaved])
        return self._ledger is not None and not (self._unsaved or self._header)

    async def _save(self, targets: Iterable[TargetProgress], *, unless_broken: bool = False) -> None:
        """Write those that changed since they were last written, after whatever is being written now.

        What cannot be written is tried again later; ``unless_broken``: not by those who would wait for that.
        """
        if unless_broken and self._ledger_broken:
            return
        async with self._writing:
            unsaved = [self._progress[t.target] for t in targets if t.target in self._unsaved]  # as they are by now
            if self._ledger is None or not (unsaved or self._header or self._unnoted):
                return
            if unless_broken and self._ledger_broken:  # by the write that was waited for
                return
            await self._write_timed(self._ledger, unsaved)

    async def _write_timed(self, ledger: Ledger, unsaved: list[TargetProgress]) -> None:
        self._unsaved.difference_update(t.target for t in unsaved)
        try:
            async with asyncio.timeout(LEDGER_SECONDS):
                await self._write(ledger, unsaved)
        except (LedgerError, TimeoutError) as error:
            self._ledger_broken = True
            self._unsaved.update(t.target for t in unsaved)
            why = str(error) or f"no answer within {LEDGER_SECONDS:g} s"
            self.warn(f"the ledger cannot be written, the work goes on without it: {why}")
        except BaseException:
            self._unsaved.update(t.target for t in unsaved)  # whether it was written is not known
            raise
        else:
            self._ledger_broken = False

    async def _write(self, ledger: Ledger, targets: list[TargetProgress]) -> None:
        header = self._header
        if header is None:
            await ledger.save(self.halt_id, targets)
        elif self._is_new:
            await ledger.begin(header, targets)
            self._is_new = False
        else:
            await ledger.extend(header, targets)
        if self._header is header:
            self._header = None
        if noted := dict(self._unnoted):
            await ledger.note_revivals(self.halt_id, noted.values())
            for key, revival in noted.items():
                if self._unnoted[key] is revival:
                    del self._unnoted[key]

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
