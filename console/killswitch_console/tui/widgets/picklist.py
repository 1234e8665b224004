"""A list of lines of which one is picked; the cursor stays on its item while the list changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from killswitch_console.tui.lines.spans import Line, Tone
from killswitch_console.tui.widgets.listing import Listing
from killswitch_console.tui.widgets.toned import CURSOR_MARK

Rows = Callable[[int], list[tuple[str, Line]]]
"""Makes the rows for a width: what each is called, and what it says."""


class PickList(Listing):
    """Rows with a cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "move(-10)", "Page up", show=False),
        Binding("pagedown", "move(10)", "Page down", show=False),
        Binding("home", "move(-1000000)", "Top", show=False),
        Binding("end,G", "move(1000000)", "Bottom", show=False),
    ]

    class Picked(Message):
        """The cursor stands on another item."""

    def __init__(self, rows: Rows, *, id: str) -> None:  # noqa: A002
        super().__init__(self._build_lines, id=id)
        self._rows = rows
        self._names: list[str] = []
        self._at = 0

    @property
    def picked(self) -> str | None:
        """What the item under the cursor is called."""
        return self._names[self._at] if self._at < len(self._names) else None

    def top(self) -> None:
        """Pick the first row again: the list is another one."""
        self._at, self._names = 0, []
        self.scroll_to(y=0, animate=False, immediate=True, force=True)

    def follow(self) -> None:
        """Show the rows as they are now, the cursor where it was."""
        self.show()

    def _build_lines(self, width: int) -> list[Line]:
        picked = self.picked
        rows = self._rows(width)
        self._names = [name for name, _ in rows]
        if picked in self._names:
            self._at = self._names.index(picked)
        self._at = max(0, min(self._at, len(self._names) - 1))
        if self.picked != picked:
            self.post_message(self.Picked())
        return [line for _, line in rows]

    def render_line(self, y: int) -> Strip:
        """Paint one visible row."""
        row = y + self.scroll_offset.y
        if row >= len(self.lines):
            return self.paint(())
        if row != self._at:
            return self.paint(self.lines[row])
        (first, tone), *rest = self.lines[row]
        return self.paint(((CURSOR_MARK, Tone.ACCENT), (first[1:], tone), *rest), cursor=True)

    def action_move(self, by: int) -> None:
        """Move the cursor."""
        self._at = max(0, min(self._at + by, len(self._names) - 1))
        self.post_message(self.Picked())
        self.scroll_to_row()
        self.refresh()

    def scroll_to_row(self) -> None:
        """Have the cursor on the screen."""
        top, height = self.scroll_offset.y, max(1, self.size.height)
        if self._at < top or self._at >= top + height:
            self.scroll_to(y=max(0, self._at - height // 2), animate=False, immediate=True, force=True)

    def on_click(self, event: events.Click) -> None:
        """A click puts the cursor there."""
        self.action_move(event.y + self.scroll_offset.y - self._at)
