"""Painting toned lines: the one place where a tone becomes a colour, and the base of every widget that draws lines."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.scroll_view import ScrollView
from textual.strip import Strip

from killswitch_console.tui.lines.spans import Line, Tone

CURSOR_MARK = "▌"
"""Stands before the row under the cursor, so that it is found without colour."""


class TonedView(ScrollView):
    """Draws lines of toned text; a subclass says which."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"toned--cursor", *(f"toned--{tone}" for tone in Tone)}
    DEFAULT_CSS = """
    TonedView {
        background: $background; color: $foreground; overflow-x: hidden; scrollbar-size-vertical: 1;
        & > .toned--muted { color: $text-muted; }
        & > .toned--strong { text-style: bold; }
        & > .toned--ok { color: $text-success; }
        & > .toned--warn { color: $text-warning; }
        & > .toned--bad { color: $text-error; text-style: bold; }
        & > .toned--halted { color: $text-secondary; text-style: bold; }
        & > .toned--accent { color: $text-accent; }
        & > .toned--production { background: $error; color: $background; text-style: bold; }
        & > .toned--staging { background: $warning; color: $background; text-style: bold; }
        & > .toned--drill { background: #8a5cd6; color: #ffffff; text-style: bold; }
        & > .toned--drill-text { color: $text-accent; text-style: bold; }
        & > .toned--elsewhere { background: $primary; color: $background; text-style: bold; }
        & > .toned--cursor { background: $surface-lighten-2; text-style: bold; }
        &:ansi {
            background: ansi_default; color: ansi_default;
            & > .toned--muted { text-style: dim; }
            & > .toned--ok { color: ansi_green; }
            & > .toned--warn { color: ansi_yellow; }
            & > .toned--bad { color: ansi_red; }
            & > .toned--halted { color: ansi_magenta; }
            & > .toned--accent { color: ansi_cyan; }
            & > .toned--production { background: ansi_red; color: ansi_default; text-style: reverse bold; }
            & > .toned--staging { background: ansi_yellow; color: ansi_default; text-style: reverse bold; }
            & > .toned--drill { background: ansi_magenta; color: ansi_default; text-style: reverse bold; }
            & > .toned--drill-text { color: ansi_magenta; text-style: bold; }
            & > .toned--elsewhere { background: ansi_blue; color: ansi_default; text-style: reverse bold; }
            & > .toned--cursor { background: ansi_default; text-style: reverse; }
        }
    }
    """

    _styles: dict[str, Style] | None = None

    def notify_style_update(self) -> None:
        """The theme or the state changed: forget what tones looked like."""
        self._styles = None
        super().notify_style_update()

    @property
    def line_width(self) -> int:
        """The cells a line has."""
        return self.scrollable_content_region.width

    def paint(self, line: Line, *, cursor: bool = False) -> Strip:
        """A line as it is drawn, filled up to the width."""
        styles = self._styles
        if styles is None:
            styles = self._styles = {tone: self.get_component_rich_style(f"toned--{tone}") for tone in Tone}
            styles["cursor"] = self.get_component_rich_style("toned--cursor", partial=True)
        base = styles[Tone.PLAIN]
        width = self.line_width
        strip = Strip([Segment(text, styles[tone]) for text, tone in line if text])
        strip = strip.adjust_cell_length(width, base)
        if not cursor:
            return strip
        return Strip(Segment.apply_style(strip, None, styles["cursor"]), width)
