"""What every full screen shares: the top lines, the banner while anything is held, the footer, and being kept fresh."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Footer

from killswitch_console.tui.lines import top
from killswitch_console.tui.lines.spans import Line
from killswitch_console.tui.state import ConsoleState
from killswitch_console.tui.widgets.listing import Lines

if TYPE_CHECKING:
    from killswitch_console.tui.app import ConsoleApp


class ConsoleScreen(Screen[None]):
    """A full screen of the console. A subclass says what its body is and how it is kept fresh."""

    HELP_LINES: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Keys and what they do here, for the help."""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", show=False, id="screen.back"),
    ]
    DEFAULT_CSS = """
    ConsoleScreen {
        background: $background;
        & > .banner { background: $surface; }
        & > Footer { background: $surface; }
    }
    """

    @property
    def console_app(self) -> ConsoleApp:
        """The app, as what it is."""
        return cast("ConsoleApp", self.app)

    @property
    def state(self) -> ConsoleState:
        """What the app knows."""
        return self.console_app.state

    @property
    def now(self) -> datetime:
        """Now, by the app's clock."""
        return self.console_app.now()

    def compose(self) -> ComposeResult:
        """The frame around a screen's body."""
        yield Lines(self._title, id="title")
        yield Lines(self._banner, id="banner")
        yield from self.body()
        yield Footer(compact=True, show_command_palette=False)

    def body(self) -> ComposeResult:
        """What stands between the top lines and the footer."""
        yield from ()

    def _title(self, width: int) -> list[Line]:
        state = self.state
        return [
            top.title(state.environment, str(state.invoker), state.fleet.total(), state.coverage_doubt, self.now, width)
        ]

    def _banner(self, width: int) -> list[Line]:
        return top.banner(self.state.book, self.now, width)

    def freshen(self) -> None:
        """Show what the app knows now. Called while this screen is on top: on events, and every second."""
        if not self._whole:  # resumed before its widgets are there; the end of mounting calls again
            return
        self.query_one("#title", Lines).show()
        self.query_one("#banner", Lines).show()
        self.freshen_body()

    def offer_anew(self) -> None:
        """Have the footer show the keys that make sense now, if those are others than before."""
        offered = tuple(key for key, active in self.active_bindings.items() if active.enabled)
        if offered != self._offered:
            self._offered = offered
            self.refresh_bindings()

    _offered: tuple[str, ...] = ()
    _whole = False

    def freshen_body(self) -> None:
        """Show what this screen's body is about as it is now."""

    def on_mount(self) -> None:
        """Its widgets are there now (``is_mounted`` says so before they are)."""
        self._whole = True
        self.call_after_refresh(self.freshen)

    def on_screen_resume(self) -> None:
        """On top again: much may have happened."""
        self.freshen()

    def action_back(self) -> None:
        """One step back; the first screen stays."""
        if len(self.app.screen_stack) > 1:
            self.app.pop_screen()
