"""What this console told and was told since it was opened: for the log screen. It is no audit trail."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from killswitch_console.halting.events import (
    EngineEvent,
    FleetChanged,
    HaltBegun,
    HaltEnded,
    HoldChanged,
    Reasserted,
)
from killswitch_console.tui.lines.spans import Tone
from killswitch_inventory.sightedness import Sightedness
from killswitch_inventory.targets import BackendRef

MOST: Final = 2000
"""Entries that are kept."""

_ON_THE_WAY: Final = (Sightedness.WAITING, Sightedness.LISTING)
"""How a platform is seen for a moment only."""


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One thing that was told."""

    at: datetime
    text: str
    tone: Tone = Tone.PLAIN
    times: int = 1
    """How often in a row."""


class LogBook:
    """The latest entries, the oldest first."""

    def __init__(self) -> None:
        self.entries: deque[LogEntry] = deque(maxlen=MOST)
        self.count = 0
        """Entries that were ever written: whether there is something new."""
        self._seen: dict[BackendRef, Sightedness] = {}

    def note(self, at: datetime, text: str, tone: Tone = Tone.PLAIN) -> None:
        """Write one entry; the same text again in a row is counted."""
        self.count += 1
        if self.entries and self.entries[-1].text == text:
            self.entries[-1] = LogEntry(at, text, tone, self.entries[-1].times + 1)
        else:
            self.entries.append(LogEntry(at, text, tone))

    def take(self, events: Iterable[EngineEvent], at: datetime) -> None:
        """Write down what of some events is told nowhere else."""
        events = list(events)
        over = {event.record.header.halt_id for event in events if isinstance(event, HaltEnded)}
        for event in events:
            match event:
                case FleetChanged():
                    self._views(event, at)
                case HaltBegun(record) if record.ended_at is not None and record.header.halt_id in over:
                    continue  # another process of this bastion is followed, and tells of what was over already
                case HaltBegun(record):
                    what = "restore" if record.ended_at is not None else "halt"
                    self.note(at, f"{what} of {record.header.scope} began ({record.header.halt_id})", Tone.ACCENT)
                case HaltEnded(record):
                    self.note(at, f"{record.header.scope}: {record.verdict} ({record.header.halt_id})", Tone.STRONG)
                case Reasserted():
                    self.note(at, f"halted again {event.target} after {event.seconds:.2f} s", Tone.WARN)
                case HoldChanged():
                    held = "held by this console" if event.holding else f"held no more here: {event.why}"
                    self.note(at, f"{event.halt_id} is {held}", Tone.MUTED)
                case _:
                    continue

    def _views(self, event: FleetChanged, at: datetime) -> None:
        """Platforms that are seen in another way than before."""
        for view in event.backends:
            if view.ref in self._seen and view.sightedness in _ON_THE_WAY:
                continue  # it is asked again, as every minute; what comes of it is said
            if self._seen.get(view.ref) is not view.sightedness:
                self._seen[view.ref] = view.sightedness
                wrong = view.sightedness in (Sightedness.STALE, Sightedness.FAILED)
                why = f": {view.problem}" if wrong and view.problem else ""
                self.note(at, f"{view.ref} is {view.sightedness}{why}", Tone.BAD if wrong else Tone.MUTED)
