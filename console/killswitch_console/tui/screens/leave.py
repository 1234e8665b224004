"""The question before leaving while a halt is under way."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button

from killswitch_console.tui.lines.spans import Line, Tone, plain, wrapped
from killswitch_console.tui.widgets.listing import Lines


class LeaveDialog(ModalScreen[bool]):
    """Says what leaving means for what is under way; staying is the default."""

    CSS_PATH = "leave.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "stay", "Stay"),
        Binding("y", "leave", "Leave", show=False),
    ]

    def compose(self) -> ComposeResult:
        """What goes on, and Stay first."""
        with Vertical(id="dialog"):
            yield Lines(lambda _: [plain("A halt or a restore is under way", Tone.WARN)])
            yield Lines(self._what)
            with Horizontal(id="buttons"):
                yield Button("Stay  (Esc)", id="stay", compact=True)
                yield Button("Leave  (y)", id="leave", compact=True)

    def _what(self, width: int) -> list[Line]:
        text = "Leaving closes the screen only. The work runs to its end first; then this command returns to the shell."
        return wrapped(text, width)

    def on_mount(self) -> None:
        """Staying is the default."""
        self.query_one("#stay").focus()

    @on(Button.Pressed, "#stay")
    def action_stay(self) -> None:
        """Stay."""
        self.dismiss(False)

    @on(Button.Pressed, "#leave")
    def action_leave(self) -> None:
        """Leave the screen."""
        self.dismiss(True)
