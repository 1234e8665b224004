"""The dialog that writes what is shown of the audit trail to a file; the trail says so before the file is begun."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input

from killswitch_console.hostile import clean
from killswitch_console.tui.lines.spans import Line, Tone, plain
from killswitch_console.tui.screens.base import FIELD_KEYS
from killswitch_console.tui.widgets.choice import Choice
from killswitch_console.tui.widgets.field import Field, text_line
from killswitch_console.tui.widgets.listing import Lines

FORMATS: dict[str, str] = {
    "bundle": "a zip that proves itself, with a page to read",
    "html": "one page that prints",
    "jsonl": "the exact bytes",
    "csv": "for a spreadsheet",
    "ocsf": "for a security lake",
}
_ENDINGS = {"bundle": "zip", "html": "html", "jsonl": "jsonl", "csv": "csv", "ocsf": "ocsf.jsonl"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be written where."""

    format: str
    path: str


class ExportDialog(ModalScreen[Wanted | None]):
    """Asks for a format and a file."""

    CSS_PATH = "audit_export.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "Cancel"), *FIELD_KEYS]

    def __init__(self, *, what: str, name: str) -> None:
        """``what`` is exported, in words; ``name`` of the file without its ending."""
        super().__init__()
        self._what = what
        self._name = name

    def compose(self) -> ComposeResult:
        """What, as what, where to."""
        with Vertical(id="dialog"):
            yield Lines(self._title)
            yield Field("Format", Choice(FORMATS, id="format"))
            yield Field("File", text_line(id="path", most=1000))
            with Horizontal(id="buttons"):
                yield Button("Export", id="export", compact=True)
                yield Button("Cancel  (Esc)", id="cancel", compact=True)

    def _title(self, _: int) -> list[Line]:
        return [plain("Export", Tone.ACCENT), plain(clean(self._what, most=300), Tone.MUTED)]

    def on_mount(self) -> None:
        """A name to begin with; the format first."""
        self._name_file()
        self.query_one(Choice).focus()

    @on(Choice.Changed)
    def _name_file(self) -> None:
        self.query_one(Input).value = f"{self._name}.{_ENDINGS[self.query_one(Choice).value]}"

    @on(Input.Submitted)
    @on(Button.Pressed, "#export")
    def _export(self) -> None:
        if path := self.query_one(Input).value.strip():
            self.dismiss(Wanted(self.query_one(Choice).value, path))

    @on(Button.Pressed, "#cancel")
    def action_cancel(self) -> None:
        """Nothing is written."""
        self.dismiss(None)
