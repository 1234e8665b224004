"""What the audit screen shows: the trail, what is looked for in it, the event under the cursor. No Textual here."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from killswitch_console.audit.events import Event
from killswitch_console.audit.reading import Selection
from killswitch_console.hostile import clean
from killswitch_console.tui.lines import audit
from killswitch_console.tui.lines.spans import BLANK, Line, Tone, plain, wrapped
from killswitch_console.tui.trail_reader import TrailReader


@dataclass(slots=True)
class TrailPage:
    """The screen's state, and its lines."""

    reader: TrailReader | None = None
    """None: there is no configuration, so there is no trail."""
    question: str = ""
    """What is looked for, as it was typed."""
    wanted: Selection = field(default_factory=Selection)
    """What is looked for, as it was understood."""
    checked: audit.Checked = field(default_factory=audit.Checked)
    """What the last verification said."""
    event: Event | None = None
    """The one under the cursor."""
    in_last_volume: bool = True
    """Whether that event is in the volume that is written to."""
    is_anchored: bool | None = None
    """Whether the remote anchor has it; None where there is none."""
    problem: str = ""
    """Why the trail could not be read, if it could not."""
    said: Line = BLANK
    """What came of the last key, until the next."""

    @property
    def has_rows(self) -> bool:
        """Whether there is a row to show."""
        return self.reader is not None and self.reader.count > 0

    def standing(self, now: datetime, width: int) -> list[Line]:
        """How the trail stands, what went wrong, what came of the last key, what is looked for."""
        reader = self.reader
        if reader is None or not reader.looked:
            return [plain(" Audit trail", Tone.ACCENT)]
        lines = audit.state(reader.standing, self.checked, now, width)
        if self.problem:
            lines += wrapped(clean(self.problem, most=300), width - 2, tone=Tone.BAD, indent=" ")
        if self.said:
            lines.append(self.said)
        if self.question:
            lines.append(audit.searching(self.question, reader.count, reader.left, reader.total))
        return lines

    def columns(self, width: int) -> list[Line]:
        """What stands above the rows."""
        return [audit.header(width)] if self.has_rows else []

    def row(self, number: int, width: int) -> Line | None:
        """One event; None while it was not read."""
        reader = self.reader
        if reader is None or number >= reader.count or (known := reader.known(number)) is None:
            return None
        return audit.row(known[0], width) if known[0] is not None else audit.gone(width)

    def empty(self, width: int) -> list[Line]:
        """Why there are no rows."""
        return [BLANK, *((("  ", Tone.PLAIN), *line) for line in self._why_empty(width - 4))]

    def _why_empty(self, room: int) -> list[Line]:
        reader = self.reader
        if reader is None:
            return [plain("There is no configuration, so there is no trail to read", Tone.MUTED)]
        if not reader.looked or reader.left:
            return [plain("Reading the trail" if not self.question else "Searching", Tone.MUTED)]
        if reader.standing.problem and not reader.total:
            return [plain("The trail cannot be read", Tone.BAD), *wrapped(clean(reader.standing.problem), room)]
        if self.question:
            return [plain("Nothing in the trail is like that", Tone.MUTED), plain("c shows everything again")]
        return [plain("Nothing was recorded yet", Tone.MUTED)]

    def details(self, width: int) -> list[Line]:
        """All that the event under the cursor says, and what proves it."""
        reader = self.reader
        if self.event is None or reader is None:
            return []
        signed = self.event.seq <= reader.last_size - reader.standing.unsigned if self.in_last_volume else True
        return audit.details(self.event, signed=signed, anchored=self.is_anchored, width=width - 1)

    def value_of(self, name: str) -> str:
        """What the event under the cursor says of a field that is searched by."""
        if self.event is None:
            return ""
        try:
            body = self.event.fields
            data = body["data"] if isinstance(body["data"], dict) else {}
            return str({"by": body["actor"], "scope": data.get("scope")}.get(name, body.get(name)) or "")
        except (ValueError, KeyError):
            return ""
