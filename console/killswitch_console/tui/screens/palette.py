"""The palette: any command by typing a part of it. Picking one does what its key would do; nothing halts from here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen, Screen
from textual.widgets import Input

from killswitch_console.tui.lines.spans import Line, Tone, fit
from killswitch_console.tui.palette import Entry, Palette
from killswitch_console.tui.widgets.field import Field, text_line
from killswitch_console.tui.widgets.picklist import PickList

if TYPE_CHECKING:
    from killswitch_console.tui.navigating import Navigating


class PaletteDialog(ModalScreen[Entry | None]):
    """Asks for a command."""

    CSS_PATH = "palette.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Close"),
        Binding("down,ctrl+n", "move(1)", "Down", show=False, priority=True),
        Binding("up,ctrl+p", "move(-1)", "Up", show=False, priority=True),
        Binding("tab", "complete", "Complete", show=False, priority=True),
    ]

    def __init__(self, below: Screen[Any]) -> None:
        super().__init__()
        self._below = below
        self._palette: Palette | None = None
        self._entries: list[Entry] = []

    def compose(self) -> ComposeResult:
        """A line to type into, and what fits."""
        with Vertical(id="dialog"):
            yield Field(":", text_line(id="command", most=200))
            yield PickList(self._rows, id="entries")

    def on_mount(self) -> None:
        """Everything fits while nothing is typed."""
        self._palette = Palette(cast("Navigating", self.app), self._below)
        self.query_one("#entries").can_focus = False
        self.query_one("#command").focus()
        self._look()

    def _rows(self, width: int) -> list[tuple[str, Line]]:
        names = max((len(entry.text) for entry in self._entries), default=0) + 3
        room = width - 1 - max((len(entry.says) for entry in self._entries), default=0)
        return [(entry.text, _row(entry, min(names, max(_NAMES, room)), width)) for entry in self._entries]

    @on(Input.Changed, "#command")
    def _look(self) -> None:
        assert self._palette is not None  # noqa: S101
        self._entries = self._palette.fitting(self.query_one("#command", Input).value)
        entries = self.query_one(PickList)
        entries.top()
        entries.follow()

    def action_move(self, by: int) -> None:
        """Pick another one."""
        self.query_one(PickList).action_move(by)

    @property
    def _picked(self) -> Entry | None:
        picked = self.query_one(PickList).picked
        return next((entry for entry in self._entries if entry.text == picked), None)

    def action_complete(self) -> None:
        """Have the picked one stand in the line, to go on typing."""
        if (entry := self._picked) is not None:
            line = self.query_one("#command", Input)
            line.value = entry.text
            line.action_end()

    @on(Input.Submitted, "#command")
    def _run(self) -> None:
        if (entry := self._picked) is None:
            self.app.bell()
        else:
            self.dismiss(entry)


_NAMES = 18
"""Cells for names at least; where what they do leaves no more, a longer name takes what it needs."""


def _row(entry: Entry, column: int, width: int) -> Line:
    names = min(max(column, len(entry.text) + 3), width * 3 // 5)
    return ((fit(f"  {entry.text}", names), Tone.STRONG), (fit(f" {entry.says}", width - names), Tone.MUTED))
