"""A list too long to hold: it knows how many rows there are, paints those in view, and asks for what it does not have.

Rows are told by their number from the top; what a row says is the owner's. Nothing here waits: a row that is not there
yet is painted as coming, and painted again when the owner says that rows came.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip

from killswitch_console.tui.lines.spans import Line, Tone
from killswitch_console.tui.widgets.toned import CURSOR_MARK, TonedView

RowLine = Callable[[int, int], Line | None]
"""What a row says at a width; None while that is not known."""


class LongList(TonedView, can_focus=True):
    """Rows with a cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown,space", "page(1)", "Page down", show=False),
        Binding("home,g", "go(0)", "Top", show=False),
        Binding("end,G", "go(-1)", "Bottom", show=False),
        Binding("enter", "enter", "Open", show=False),
    ]
    DEFAULT_CSS = "LongList { height: 1fr; scrollbar-gutter: stable; }"

    class Moved(Message):
        """The cursor stands on another row."""

        def can_replace(self, message: Message) -> bool:
            """Only where it came to rest counts."""
            return isinstance(message, LongList.Moved)

    class Missing(Message):
        """Rows were painted that are not known yet."""

        def __init__(self, first: int, last: int) -> None:
            super().__init__()
            self.first = first
            self.last = last

        def can_replace(self, message: Message) -> bool:
            """Only what is in view now is worth fetching."""
            return isinstance(message, LongList.Missing)

    class Entered(Message):
        """A person wants to see the row under the cursor."""

    def __init__(self, row: RowLine, coming: Callable[[int], Line], *, id: str) -> None:  # noqa: A002
        """Paint rows by ``row``, and by ``coming`` (of a width) what is not known yet."""
        super().__init__(id=id)
        self._row = row
        self._coming = coming
        self._count = 0
        self._at = 0
        self._asked: tuple[int, int] | None = None

    @property
    def cursor(self) -> int:
        """The row that the cursor is on."""
        return self._at

    @property
    def in_view(self) -> range:
        """The rows that are on the screen."""
        top = self.scroll_offset.y
        return range(top, min(self._count, top + max(1, self.size.height)))

    def resize(self, count: int, *, shift: int = 0) -> None:
        """There are so many rows now; ``shift`` of them came in at the top, and what was in view stays in view."""
        stay = shift and (self._at or self.scroll_offset.y)
        self._count = count
        self.virtual_size = Size(self.line_width, count)
        if stay:
            self._at += shift
            self.scroll_to(y=self.scroll_offset.y + shift, animate=False, immediate=True)
        self._at = max(0, min(self._at, count - 1))
        self.show()

    def reset(self, count: int) -> None:
        """Other rows altogether: back to the top."""
        self._at = 0
        self.scroll_to(y=0, animate=False, immediate=True)
        self.resize(count)
        self.post_message(self.Moved())

    def show(self) -> None:
        """Paint what is in view again: rows came, or say something else."""
        self._asked = None
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Paint one visible row."""
        number = y + self.scroll_offset.y
        if number >= self._count:
            return self.paint(())
        line = self._row(number, self.line_width)
        if line is None:
            self._ask()
            line = self._coming(self.line_width)
        if number != self._at or not line:
            return self.paint(line)
        (first, tone), *rest = line
        return self.paint(((CURSOR_MARK, Tone.ACCENT), (first[1:], tone), *rest), cursor=True)

    def _ask(self) -> None:
        view = self.in_view
        if view and self._asked != (view.start, view.stop):
            self._asked = (view.start, view.stop)
            self.post_message(self.Missing(view.start, view.stop))

    def on_resize(self) -> None:
        """Rows are as wide as the widget."""
        self.virtual_size = Size(self.line_width, self._count)
        self.refresh()

    def action_move(self, by: int) -> None:
        """Move the cursor."""
        self._go(self._at + by)

    def action_page(self, pages: int) -> None:
        """Move it by what is in view."""
        height = max(1, self.size.height - 1)
        self.scroll_to(y=self.scroll_offset.y + pages * height, animate=False, immediate=True)
        self._go(self._at + pages * height)

    def action_go(self, row: int) -> None:
        """Move it to a row; -1 is the last."""
        self._go(row if row >= 0 else self._count - 1)

    def _go(self, row: int) -> None:
        before, self._at = self._at, max(0, min(row, self._count - 1))
        top, height = self.scroll_offset.y, max(1, self.size.height)
        if self._at < top:
            self.scroll_to(y=self._at, animate=False, immediate=True)
        elif self._at >= top + height:
            self.scroll_to(y=self._at - height + 1, animate=False, immediate=True)
        if self._at != before:
            top = self.scroll_offset.y
            self.refresh(*(Region(0, row - top, self.size.width, 1) for row in (before, self._at)))
            self.post_message(self.Moved())

    def action_enter(self) -> None:
        """Show the row under the cursor."""
        if self._count:
            self.post_message(self.Entered())

    def on_click(self, event: events.Click) -> None:
        """A click puts the cursor there."""
        self._go(event.y + self.scroll_offset.y)
