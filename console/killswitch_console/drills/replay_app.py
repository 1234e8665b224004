"""A recorded drill on a screen, for the hot wash: a timeline to seek in, and how everything stood at that moment.

It reads a log and changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Footer, Input

from killswitch_console.drills import desk_drawing as drawing
from killswitch_console.drills.desk_view import DeskView, view_at
from killswitch_console.drills.durations import seconds_of
from killswitch_console.drills.happened import Happened
from killswitch_console.drills.homes import SCENARIO_FILE
from killswitch_console.drills.reading import read_scenario
from killswitch_console.drills.scenario import Scenario
from killswitch_console.drills.two_sided_app import TwoSidedApp
from killswitch_console.tui import terminal
from killswitch_console.tui.lines.spans import Line, Tone, heading, plain
from killswitch_console.tui.widgets.field import text_line
from killswitch_console.tui.widgets.listing import Lines, Listing

TICK: Final = 0.25
"""Real seconds between two steps of playing."""

RATES: Final = (1.0, 4.0, 16.0, 64.0)


class ReplayApp(TwoSidedApp):
    """Goes through the events of one drill."""

    CSS = f"""
    {TwoSidedApp.CSS}
    #script {{ height: auto; max-height: 60%; }}
    #expected {{ height: auto; }}
    #question {{ width: 24; }}
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,n", "event(1)", "Next event", key_display="→"),
        Binding("left,b", "event(-1)", "Before", key_display="←"),
        Binding("up", "seek(-10)", "-10 s", show=False),
        Binding("down", "seek(10)", "+10 s", show=False),
        Binding("pageup", "seek(-60)", "-1 min", show=False),
        Binding("pagedown", "seek(60)", "+1 min", key_display="PgDn"),
        Binding("home", "to(0)", "Start"),
        Binding("end", "to(1)", "End"),
        Binding("space", "play", "Play/pause"),
        Binding("plus,equals_sign", "rate(1)", "Faster", key_display="+"),
        Binding("minus", "rate(-1)", "Slower", show=False),
        Binding("g", "ask", "Go to"),
        Binding("escape", "close_question", show=False),
        Binding("q", "quit", "Leave"),
    ]

    def __init__(
        self, scenario: Scenario, events: Sequence[Happened], at: float = 0.0, *, theme: str | None = None
    ) -> None:
        """Begin at a moment, standing still."""
        super().__init__(theme)
        self._scenario, self._events = scenario, tuple(events)
        self._end = self._events[-1].at if self._events else 0.0
        self.at = at
        self._rate = RATES[0]
        self._playing = False
        self.view: DeskView = view_at(scenario, self._events, at)

    def compose(self) -> ComposeResult:
        """The script as it went on one side, events up to now on the other."""
        yield Lines(self._header, id="header")
        with Vertical(id="body"):
            with Vertical(id="left"):
                yield Lines(lambda width: [heading("Script", width)])
                yield Lines(self._script, id="script")
                yield Lines(lambda width: drawing.expected(self.view, width), id="expected")
                yield Lines(lambda width: drawing.objectives(self.view, width), id="objectives")
            with Vertical(id="right"):
                yield Lines(lambda width: [heading("Until now", width)])
                yield Listing(lambda width: drawing.happenings(self.view, width), id="events")
        with Horizontal(id="asking"):
            yield Lines(lambda _: [plain(" go to, such as 1m30s:", Tone.STRONG)], id="question")
            yield text_line(id="typed", most=20)
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        """Time moves only while playing."""
        self.set_interval(TICK, self._tick, name="play")
        self.query_one("#events").focus()

    def _header(self, width: int) -> list[Line]:
        said = f"playing {self._rate:g}x" if self._playing else "standing still"
        return drawing.recorded_header(self.view, said, width)

    def _script(self, width: int) -> list[Line]:
        return [line for _, line in drawing.script(self.view, width)]

    def seek(self, at: float) -> None:
        """Show another moment."""
        self.at = max(0.0, min(at, self._end))
        self.view = view_at(self._scenario, self._events, self.at)
        for listing in self.query(Listing):
            listing.show()
        self.query_one("#events", Listing).scroll_end(animate=False, immediate=True)

    def _tick(self) -> None:
        if self._playing:
            self._playing = self.at < self._end
            self.seek(self.at + TICK * self._rate)

    def action_event(self, by: int) -> None:
        """To the next moment at which something happened, or the one before."""
        moments = sorted({happened.at for happened in self._events})
        later = [at for at in moments if at > self.at]
        before = [at for at in moments if at < self.at]
        if by > 0 and later:
            self.seek(later[0])
        if by < 0 and before:
            self.seek(before[-1])

    def action_seek(self, by: int) -> None:
        """Some seconds on, or back."""
        self.seek(self.at + by)

    def action_to(self, share: int) -> None:
        """To the start or the end."""
        self.seek(share * self._end)

    def action_play(self) -> None:
        """Let it run, or stand still."""
        self._playing = not self._playing
        self.seek(self.at)

    def action_rate(self, by: int) -> None:
        """Play faster, or slower."""
        self._rate = RATES[max(0, min(RATES.index(self._rate) + by, len(RATES) - 1))]
        self.seek(self.at)

    def action_ask(self) -> None:
        """Ask where to go."""
        self.query_one("#asking").display = True
        self.query_one("#typed", Input).value = ""
        self.screen.set_focus(self.query_one("#typed", Input))

    def action_close_question(self) -> None:
        """Stay."""
        self.query_one("#asking").display = False
        self.screen.set_focus(self.query_one("#events"))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Go there."""
        self.action_close_question()
        try:
            self.seek(seconds_of(event.value.strip()))
        except ValueError as error:
            self.notify(str(error), severity="warning", markup=False)


def run_replay(folder: Path, events: Sequence[Happened], at: float) -> int:
    """Show it until the person leaves; the exit status."""
    app = ReplayApp(read_scenario(folder / SCENARIO_FILE), events, at, theme=terminal.theme())
    app.run()
    return app.return_code or 0
