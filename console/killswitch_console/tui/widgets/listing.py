"""A scrolling list of toned lines, made anew for the width it has; only lines that changed are painted again."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.strip import Strip

from killswitch_console.tui.lines.spans import Line
from killswitch_console.tui.widgets.toned import TonedView

Build = Callable[[int], list[Line]]
"""Makes the lines for a width."""


class Listing(TonedView, can_focus=True):
    """Shows lines; scrolls with the keys of a pager."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll_up", "Up", show=False),
        Binding("down,j", "scroll_down", "Down", show=False),
        Binding("home", "scroll_home", "Top", show=False),
        Binding("end,G", "scroll_end", "Bottom", show=False),
    ]
    DEFAULT_CSS = "Listing { height: 1fr; scrollbar-gutter: stable; }"

    def __init__(self, build: Build | None = None, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._build: Build = build or (lambda _: [])
        self._lines: list[Line] = []

    @property
    def lines(self) -> list[Line]:
        """The lines as they are now."""
        return self._lines

    def show(self, build: Build | None = None) -> None:
        """Make the lines anew, by another builder if one is given."""
        self._build = build or self._build
        if not self.size.width:
            return
        before, self._lines = self._lines, self._build(self.line_width)
        self.fit_height(len(self._lines))
        if self._resized():
            self.refresh()
            return
        top, height = self.scroll_offset.y, self.size.height
        changed = [
            Region(0, y - top, self.size.width, 1)
            for y in range(top, min(top + height, max(len(before), len(self._lines))))
            if _line(before, y) != _line(self._lines, y)
        ]
        if changed:
            self.refresh(*changed)

    def _resized(self) -> bool:
        """Make room for the lines; whether that changed. What fits is left alone: another size lays the screen out."""
        size = Size(self.line_width, len(self._lines) if len(self._lines) > self.size.height else 1)
        changed, self.virtual_size = self.virtual_size != size, size
        return changed

    def fit_height(self, lines: int) -> None:
        """Hear how many lines there are; a listing that fills its place does not mind."""

    def on_resize(self) -> None:
        """Make the lines for the new width."""
        self._lines = []
        self.show()
        self._resized()
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Paint one visible line."""
        row = y + self.scroll_offset.y
        return self.paint(_line(self._lines, row))


def _line(lines: list[Line], row: int) -> Line:
    return lines[row] if row < len(lines) else ()


class ShortListing(Listing):
    """A listing as high as its lines, up to ``MOST``, where it scrolls: for dialogs."""

    MOST = 12

    def fit_height(self, lines: int) -> None:
        """Take the room that the lines need, within reason."""
        self.styles.height = min(lines, self.MOST)


class Lines(Listing, can_focus=False):
    """Lines that are exactly as high as they are many: headers, banners, summaries."""

    DEFAULT_CSS = "Lines { height: 1; overflow-y: hidden; scrollbar-gutter: auto; }"

    def fit_height(self, lines: int) -> None:
        """Take the room that the lines need; none where there are none."""
        self.styles.height = lines
        self.set_class(lines == 0, "-empty")
