"""Following what other processes of this bastion do to halts, through the ledger they share."""

from __future__ import annotations

from collections.abc import Container, Sequence

from killswitch_console.halting.board import Publish
from killswitch_console.halting.events import HaltBegun, HaltEnded, TargetsMoved
from killswitch_console.halting.ledger import Ledger
from killswitch_console.halting.record import HaltRecord


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

    def forget(self, halt_id: str) -> None:
        """Leave it: our own process works on it now, and tells of it itself."""
        self._known.pop(halt_id, None)

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
        if (record.ended_at, record.restored_at) != (before.ended_at, before.restored_at) or not is_open:
            self._publish(HaltEnded(record))
