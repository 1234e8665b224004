"""The keys of the screen below, and of every screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from killswitch_console.tui.lines.spans import BLANK, Line, Tone, fit, heading, plain, wrapped
from killswitch_console.tui.places import Place
from killswitch_console.tui.widgets.listing import ShortListing

if TYPE_CHECKING:
    from killswitch_console.tui.app import ConsoleApp

EVERYWHERE = (
    (":", "any command, place or scope, by typing a part of it"),
    ("o", "open what is halting or held"),
    ("?", "this help"),
    ("Esc", "one step back"),
    ("Ctrl-L", "paint the screen anew, after somebody's wall message"),
    ("q", "leave; a halt under way runs to its end"),
)


class HelpLines(ShortListing):
    """All keys, if the terminal is high enough."""

    MOST = 44


class HelpDialog(ModalScreen[None]):
    """Help, closed by any of the usual keys."""

    CSS_PATH = "help.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,enter", "dismiss", "Close"),
        *(Binding(str(n), f"go('{n}')", show=False) for n in range(1, 10)),
    ]

    def __init__(self, here: Sequence[tuple[str, str]], places: Sequence[Place]) -> None:
        super().__init__()
        self._here = here
        self._places = places

    def compose(self) -> ComposeResult:
        """All keys."""
        with Vertical(id="dialog"):
            yield HelpLines(self._lines, id="keys")

    def action_go(self, key: str) -> None:
        """Straight to a place, such as the runbook: somebody who asks for help may be under stress."""
        place = next((place for place in self._places if place.key == key), None)
        if place is not None:
            self.dismiss()
            self.app.call_later(cast("ConsoleApp", self.app).go, place)

    def _lines(self, width: int) -> list[Line]:
        room = width - 1
        runbook = next((place for place in self._places if place.name == "runbook"), None)
        return [
            *([((runbook.key, Tone.STRONG), (f"  {runbook.summary}", Tone.ACCENT)), BLANK] if runbook else []),
            heading("On this screen", room),
            *(line for keys, does in self._here for line in _key(keys, does, room)),
            BLANK,
            heading("Everywhere", room),
            *(line for place in self._places for line in _key(place.key, place.summary or place.title, room)),
            *(line for keys, does in EVERYWHERE for line in _key(keys, does, room)),
            BLANK,
            plain("No key halts anything without a dialog whose default is Cancel.", Tone.MUTED),
        ]


def _key(keys: str, does: str, width: int) -> list[Line]:
    lines = wrapped(does, width - _KEYS)
    return [((fit(keys if n == 0 else "", _KEYS), Tone.STRONG), *line) for n, line in enumerate(lines)]


_KEYS = 12
"""Cells for the keys themselves."""
