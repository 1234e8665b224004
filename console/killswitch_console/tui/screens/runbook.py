"""The runbook: when to use the switch and when not, step by step. Needs no network and no configuration."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from killswitch_console.hostile import clean
from killswitch_console.runbook import CHAPTERS, Call, calls_of, contacts
from killswitch_console.tui.lines.spans import BLANK, Line, Tone, heading, plain, wrapped
from killswitch_console.tui.places import Place
from killswitch_console.tui.screens.base import ConsoleScreen
from killswitch_console.tui.widgets.listing import Lines, Listing


class RunbookScreen(ConsoleScreen):
    """All chapters on one page, and a key per chapter."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", id="runbook.back"),
        Binding("n,right", "chapter(1)", "Next chapter", id="runbook.next"),
        Binding("p,left", "chapter(-1)", "Previous", id="runbook.previous"),
    ]
    HELP_LINES = (
        ("↑ ↓  j k", "scroll"),
        ("n  p", "to the next chapter, the one before"),
        ("Esc  1", "back to the fleet"),
    )

    def body(self) -> ComposeResult:
        """A title, then the page."""
        yield Lines(self._heading, id="heading")
        yield Listing(self._lines, id="page")

    def on_mount(self) -> None:
        """Keys scroll the page."""
        self.query_one("#page").focus()

    @property
    def _calls(self) -> list[Call]:
        settled = self.state.configuration
        return [] if settled is None else calls_of(settled.document)

    def _heading(self, _: int) -> list[Line]:
        return [plain(f" Runbook: halting agents in {clean(self.state.environment, most=40)}", Tone.ACCENT)]

    def _lines(self, width: int) -> list[Line]:
        room, lines = width - 3, list[Line]()
        for number, chapter in enumerate((*CHAPTERS, contacts(self._calls)), 1):
            lines.append(heading(f"{number}. {chapter.title}", room))
            for text in chapter.lines:
                indent = " " * (2 + len(text) - len(text.lstrip()))
                lines += _step(text.strip(), room, indent)
            lines.append(BLANK)
        return [((" ", Tone.PLAIN), *line) if line else BLANK for line in lines]

    def action_chapter(self, by: int) -> None:
        """To the start of another chapter."""
        page = self.query_one("#page", Listing)
        starts = [n for n, line in enumerate(page.lines) if len(line) > 1 and line[1][1] is Tone.ACCENT]
        here = page.scroll_offset.y
        after = [n for n in starts if n > here] or starts[-1:]
        before = [n for n in starts if n < here] or starts[:1]
        if starts:
            page.scroll_to(y=after[0] if by > 0 else before[-1], animate=False)


def _step(text: str, width: int, indent: str) -> list[Line]:
    """A step; what follows on the next line stands under its beginning."""
    first, *rest = wrapped(text, width, indent=indent) or [BLANK]
    return [first, *((("  ", Tone.PLAIN), *line) for line in rest)]


PLACE = Place(
    name="runbook",
    key="6",
    title="Runbook",
    open=RunbookScreen,
    summary="the runbook: when to use the switch, steps, whom to call",
)
