"""What this console told and was told since it was opened, the latest at the bottom."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from killswitch_console.tui.lines import log
from killswitch_console.tui.lines.spans import Line, Tone, plain
from killswitch_console.tui.places import Place
from killswitch_console.tui.screens.base import ConsoleScreen
from killswitch_console.tui.widgets.listing import Lines, Listing


class LogScreen(ConsoleScreen):
    """The log of this console."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", id="log.back"),
        Binding("w", "only_wrong", "All / wrong", id="log.only_wrong"),
    ]
    HELP_LINES = (
        ("↑ ↓  j k", "scroll; at the bottom it follows what is new"),
        ("w", "show only what is wrong, or all"),
        ("y", "copy the latest entry"),
        ("Esc  1", "back to the fleet"),
    )

    def __init__(self) -> None:
        super().__init__()
        self._shown = -1
        self._wrong = False

    def body(self) -> ComposeResult:
        """A heading, then the entries."""
        yield Lines(self._heading, id="heading")
        yield Listing(self._lines, id="entries")

    def on_mount(self) -> None:
        """Keys go to the entries."""
        self.query_one("#entries").focus()

    def _heading(self, _: int) -> list[Line]:
        only = ": only what is wrong" if self._wrong else ""
        return [((" Log", Tone.ACCENT), (f"  of this console since it was opened{only}", Tone.MUTED))]

    def _lines(self, width: int) -> list[Line]:
        lines = log.lines(self.state.log.entries, width - 1, only_wrong=self._wrong)
        return lines or [plain("  nothing so far", Tone.MUTED)]

    def freshen_body(self) -> None:
        """Show what is new, and follow it if the bottom is in sight."""
        if self._shown == self.state.log.count:
            return
        self._shown = self.state.log.count
        self._show()

    def _show(self) -> None:
        entries = self.query_one("#entries", Listing)
        at_the_bottom = entries.scroll_offset.y >= entries.max_scroll_y
        self.query_one("#heading", Lines).show()
        entries.show()
        if at_the_bottom:
            entries.scroll_end(animate=False, immediate=True)

    def action_only_wrong(self) -> None:
        """Show only what is wrong, or all again."""
        self._wrong = not self._wrong
        self._show()

    def copied(self) -> str:
        """The latest entry."""
        return self.state.log.entries[-1].text if self.state.log.entries else ""


PLACE = Place(name="log", key="7", title="Log", summary="what this console told since it was opened", open=LogScreen)
