"""Following what other processes of this bastion do to halts, through the ledger they share."""

from __future__ import annotations

from collections.abc import Container, Sequence

from killswitch_console.halting.board import Publish
from killswitch_console.halting.events import Adopted, HaltBegun, HaltEnded, TargetsMoved
from killswitch_console.halting.ledger import Ledger
from killswitch_console.halting.record import HaltHeader, HaltRecord
from killswitch_inventory.targets import TargetId


class Following:
    """What was last told of halts that others work on. Faces see those as if this process did the work."""

    def __init__(self, ledger: Ledger, publish: Publish) -> None:
        self._ledger = ledger
        self._publish = publish
        self._known: dict[str, HaltRecord] = {}
        self._began = False

    async def look(self, open_ids: Sequence[str], *, ours: Container[str]) -> None:
        """Tell what changed since the last look in the halts that are open, or were."""
        for halt_id in dict.fromkeys((*open_ids, *self._known)):
            if halt_id in ours:
                continue
            record = await self._ledger.halt(halt_id)
            if record is not None:
                self._tell(record, is_open=halt_id in open_ids)
        self._began = True

    def hand_over(self, record: HaltRecord) -> None:
        """Leave it as it stands: our own process works on it now, and tells of what moves from here on."""
        if record.header.halt_id in self._known:
            self._tell(record, is_open=True)
            del self._known[record.header.halt_id]

    def _tell(self, record: HaltRecord, *, is_open: bool) -> None:
        halt_id = record.header.halt_id
        before = self._known.get(halt_id)
        if is_open:
            self._known[halt_id] = record
        else:
            self._known.pop(halt_id, None)
        if before is None:
            if self._began:
                self._publish(HaltBegun(record))
            if self._began and record.ended_at is not None:
                self._publish(HaltEnded(record))
            return
        earlier = {t.target: t for t in before.targets}
        if moved := tuple(t for t in record.targets if earlier.get(t.target) != t):
            self._publish(TargetsMoved(halt_id, moved))
        if record.header != before.header:
            self._publish(_grown(before.header, record, earlier))
        if (record.ended_at, record.restored_at) != (before.ended_at, before.restored_at) or not is_open:
            self._publish(HaltEnded(record))


def _grown(before: HaltHeader, after: HaltRecord, known: Container[TargetId]) -> Adopted:
    """What another process's hold took into a halt, and what it had to leave: both count for the verdict."""
    agents = tuple(key for key in after.header.agents if key not in before.agents)
    targets = tuple(t.target for t in after.targets if t.target not in known)
    left = tuple(u for u in after.header.untouched if u not in before.untouched)
    return Adopted(before.halt_id, agents, targets, left)
