"""Every halt this console knows: what the ledger says of each, and what events told since. No Textual here."""

from __future__ import annotations

from collections.abc import Iterable

from killswitch_console.halting.events import HoldChanged, OpenHalts
from killswitch_console.halting.foreign import ForeignHalt
from killswitch_console.halting.progress import TargetProgress
from killswitch_console.halting.record import HaltRecord
from killswitch_console.tui.live_halt import LiveHalt, Phase
from killswitch_inventory.agents import AgentKey
from killswitch_inventory.scopes import Scope


class HaltBook:
    """All halts by id, in the order they were invoked."""

    def __init__(self) -> None:
        self._halts: dict[str, LiveHalt] = {}
        self._as_loaded: set[str] = set()
        """Halts of which nothing is known but what the ledger said when it was read."""
        self.asked: dict[str, Scope] = {}
        """Halts confirmed here that the engine has not begun yet."""
        self.failures: dict[str, str] = {}
        """Why the engine could not do what was asked last of a halt."""
        self.loaded = False
        """Whether the ledger has been read."""
        self.problem = ""
        """Why it could not be read, if so."""
        self.foreign: tuple[ForeignHalt, ...] = ()
        """Halts of other bastions, known by their marks only."""

    def __len__(self) -> int:
        return len(self._halts)

    def get(self, halt_id: str) -> LiveHalt | None:
        """One halt, or None."""
        return self._halts.get(halt_id)

    def newest_first(self) -> list[LiveHalt]:
        """All halts: those under way first, then those in force, then the rest; the newest first in each."""
        rank = {True: 0, False: 1}
        by_time = sorted(self._halts.values(), key=lambda h: (h.header.invoked_at, h.header.halt_id), reverse=True)
        return sorted(by_time, key=lambda h: (rank[h.phase.under_way], rank[h.held]))

    def load(self, records: Iterable[HaltRecord]) -> None:
        """Take in what the ledger knows; what is known from events already is newer."""
        self.loaded = True
        for record in records:
            if record.header.halt_id not in self._halts:
                self._halts[record.header.halt_id] = LiveHalt(record, _phase_of(record))
                self._as_loaded.add(record.header.halt_id)

    def ask(self, halt_id: str, scope: Scope) -> None:
        """Note a halt that was just confirmed, until the engine says something of it."""
        self.asked[halt_id] = scope

    def ask_restore(self, halt_id: str) -> None:
        """Note that the restore of a halt was just confirmed."""
        self._as_loaded.discard(halt_id)
        self._halts[halt_id].phase = Phase.RESTORING
        self._halts[halt_id].failure = ""

    def fail(self, halt_id: str, why: str) -> None:
        """The engine could not do what was asked of it."""
        self.asked.pop(halt_id, None)
        self.failures[halt_id] = why
        if (halt := self._halts.get(halt_id)) is not None:
            halt.failure, halt.phase = why, _phase_of(halt.base)

    def begin(self, record: HaltRecord) -> None:
        """The engine began a halt, or the restore of one that had ended."""
        self.asked.pop(record.header.halt_id, None)
        self._as_loaded.discard(record.header.halt_id)
        known = self._halts.get(record.header.halt_id)
        if known is None:
            self._halts[record.header.halt_id] = LiveHalt(record, _begun(record))
        else:
            restoring = known.phase is Phase.RESTORING or _begun(record) is Phase.RESTORING
            known.take(record, Phase.RESTORING if restoring else Phase.HALTING)

    def move(self, halt_id: str, targets: Iterable[TargetProgress]) -> None:
        """Targets of a halt moved."""
        self._as_loaded.discard(halt_id)
        if (halt := self._halts.get(halt_id)) is not None:
            halt.move(targets)

    def see_open(self, news: OpenHalts) -> list[ForeignHalt]:
        """Take in what is in force; return the halts of other bastions that were not seen before."""
        known = {found.halt_id for found in self.foreign}
        self.foreign = news.foreign
        for record in news.halts:
            halt_id = record.header.halt_id
            if halt_id not in self._halts:
                self._halts[halt_id] = LiveHalt(record, _phase_of(record))
            elif halt_id in self._as_loaded:  # another process may have written since
                self._halts[halt_id].take(record, _phase_of(record))
        return [found for found in news.foreign if found.halt_id not in known]

    def hold(self, news: HoldChanged) -> None:
        """Note whether this console holds a halt."""
        if (halt := self._halts.get(news.halt_id)) is not None:
            halt.holding, halt.hold_ended = news.holding, news.why

    def end(self, record: HaltRecord) -> None:
        """A halt or a restore ended."""
        self._as_loaded.discard(record.header.halt_id)
        known = self._halts.get(record.header.halt_id)
        if known is None:
            self._halts[record.header.halt_id] = LiveHalt(record, _phase_of(record))
        else:
            known.take(record, _phase_of(record))

    def held(self) -> list[LiveHalt]:
        """Halts that are in force or under way, the newest first."""
        return [h for h in self.newest_first() if h.phase.under_way or h.held]

    def under_way(self) -> list[LiveHalt]:
        """Halts and restores the engine is at work on, the newest first."""
        return [h for h in self.newest_first() if h.phase.under_way]

    def halting(self) -> set[AgentKey]:
        """The agents that a halt is under way on."""
        return {key for halt in self._halts.values() if halt.phase is Phase.HALTING for key in halt.header.agents}


def _begun(record: HaltRecord) -> Phase:
    return Phase.HALTING if record.ended_at is None else Phase.RESTORING


def _phase_of(record: HaltRecord) -> Phase:
    """Where a record that nobody is at work on stands."""
    return Phase.ENDED if record.restored_at is None else Phase.RESTORED
