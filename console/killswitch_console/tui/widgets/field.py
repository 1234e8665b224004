"""A labelled line of a form."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Input

from killswitch_console.tui.lines.spans import Tone, plain
from killswitch_console.tui.widgets.listing import Lines


def text_line(*, id: str, most: int) -> Input:  # noqa: A002
    """A line to type into; its cursor does not blink, so that a quiet screen sends nothing."""
    line = Input(id=id, compact=True, max_length=most)
    line.cursor_blink = False
    return line


class Field(Horizontal):
    """A label and what is filled in beside it."""

    DEFAULT_CSS = """
    Field {
        height: 1;
        & > .label { width: 12; }
        & > Input, & > Choice { width: 1fr; }
    }
    """

    def __init__(self, label: str, control: Widget, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._label = label
        self._control = control

    def compose(self) -> ComposeResult:
        """The label, then the control."""
        label = Lines(lambda _: [plain(f" {self._label}", Tone.MUTED)])
        label.add_class("label")
        yield label
        yield self._control
