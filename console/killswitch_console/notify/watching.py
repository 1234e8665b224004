"""From what an engine tells its faces to what people elsewhere are told: objectives missed, targets that came back."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from killswitch_console.halting.events import EngineEvent, HaltBegun, HaltEnded, TargetsMoved
from killswitch_console.halting.progress import TargetProgress, TargetState
from killswitch_console.halting.record import HaltHeader, HaltRecord
from killswitch_console.notify.notice import Notice, NoticeKind, Notifier
from killswitch_inventory.targets import TargetId

_MOST = 10
"""Targets named in one notice."""


class Watching:
    """Hears an engine's events, in its loop; call ``close`` when it ends."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._late: set[str] = set()
        self._headers: dict[str, HaltHeader] = {}
        self._revived: set[tuple[str, TargetId]] = set()

    def hear(self, event: EngineEvent) -> None:
        """Take one event."""
        match event:
            case HaltBegun(record) if record.ended_at is None:
                self._begun(record)
            case TargetsMoved(halt_id, targets):
                self._moved(halt_id, targets)
            case HaltEnded(record):
                self._ended(record)
            case _:
                return

    def close(self) -> None:
        """Cancel every timer."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _begun(self, record: HaltRecord) -> None:
        header = record.header
        self._headers[header.halt_id] = header
        left = header.slo_seconds - (datetime.now(UTC) - header.invoked_at).total_seconds()
        if left > 0:
            timer = asyncio.get_running_loop().call_later(left, self._breached, header)
            self._timers[header.halt_id] = timer

    def _breached(self, header: HaltHeader) -> None:
        self._timers.pop(header.halt_id, None)
        if header.halt_id in self._late:
            return
        self._late.add(header.halt_id)
        self._notifier.tell(
            Notice(
                NoticeKind.SLO_BREACH,
                f"{_drill(header)}halt of {header.scope} in {header.environment} is not proven within "
                f"{header.slo_seconds:g} s",
                (f"halt {header.halt_id} by {header.invoker}", f"reason: {header.reason}"),
            )
        )

    def _moved(self, halt_id: str, targets: tuple[TargetProgress, ...]) -> None:
        back = {t.target for t in targets if t.state is TargetState.REVIVED}
        new = sorted(str(target) for target in back if (halt_id, target) not in self._revived)
        self._revived = {known for known in self._revived if known[0] != halt_id or known[1] in back} | {
            (halt_id, target) for target in back
        }
        if new:
            header = self._headers.get(halt_id)
            scope = f" of {header.scope} in {header.environment}" if header else ""
            more = (f"and {len(new) - _MOST} more",) if len(new) > _MOST else ()
            title = f"{_drill(header)}{len(new)} halted target{'s' * (len(new) > 1)}{scope} came back"
            self._notifier.tell(Notice(NoticeKind.REVIVAL, title, (f"halt {halt_id}", *new[:_MOST], *more)))

    def _ended(self, record: HaltRecord) -> None:
        if timer := self._timers.pop(record.header.halt_id, None):
            timer.cancel()
        if record.restored_at is None and not record.slo_met(datetime.now(UTC)):
            self._breached(record.header)


def _drill(header: HaltHeader | None) -> str:
    return "DRILL: " if header is not None and header.drill else ""
