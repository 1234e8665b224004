"""What every full screen shares: frame, title, lights, banners, footer, and being kept fresh.

What the lights, the banners and the frame say is said by the signs (``signing.py``); this only draws it.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Final, cast

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from killswitch_console.tui.lines import top
from killswitch_console.tui.lines.spans import Line, Tone
from killswitch_console.tui.signing import Look
from killswitch_console.tui.state import ConsoleState
from killswitch_console.tui.sure_timers import SureTimers
from killswitch_console.tui.widgets.keys_bar import KeysBar
from killswitch_console.tui.widgets.listing import Lines

if TYPE_CHECKING:
    from killswitch_console.tui.app import ConsoleApp


FIELD_KEYS: Final = (
    Binding("tab", "app.focus_next", "Next field", show=False, priority=True, id="screen.next_field"),
    Binding("shift+tab", "app.focus_previous", "Field before", show=False, priority=True, id="screen.field_before"),
)
"""Between the fields of a form, at once: what a stalled line delivers together with a Tab is typed into the next field.
Textual's own Tab waits its turn behind those keys, and a passphrase would run into the reason before it."""


class ConsoleScreen(SureTimers, Screen[None]):
    """A full screen of the console. A subclass says what its body is and how it is kept fresh."""

    HELP_LINES: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Keys and what they do here, for the help."""
    CHANGING: ClassVar[frozenset[str]] = frozenset()
    """Actions that lead to a change of the world: under ``--read-only`` they are neither shown nor carried out."""
    place: str = ""
    """The name of the place that this screen was opened as; empty for screens deeper in."""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", show=False, id="screen.back"),
        *FIELD_KEYS,
    ]
    DEFAULT_CSS = """
    ConsoleScreen {
        background: $background;
        & > #title { background: $surface; }
        &.-production { border-left: thick $error; border-right: thick $error; }
        &.-staging { border-left: thick $warning; border-right: thick $warning; }
        &.-drill { border-left: thick #8a5cd6; border-right: thick #8a5cd6; }
        &.-elsewhere { border-left: thick $primary; border-right: thick $primary; }
        &.-bad, &.-breakglass { border-left: thick $error; border-right: thick $error; }
        &.-flash { border-left: thick $warning; border-right: thick $warning; }
        &:ansi {
            &.-production, &.-bad, &.-breakglass { border-left: thick ansi_red; border-right: thick ansi_red; }
            &.-staging, &.-flash { border-left: thick ansi_yellow; border-right: thick ansi_yellow; }
            &.-drill { border-left: thick ansi_magenta; border-right: thick ansi_magenta; }
            &.-elsewhere { border-left: thick ansi_blue; border-right: thick ansi_blue; }
        }
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
        yield Lines(self._lights, id="lights")
        yield Lines(self._banners, id="banner")
        yield from self.body()
        yield KeysBar(lambda: self.console_app.places.known, id="keys")

    def body(self) -> ComposeResult:
        """What stands between the top lines and the footer."""
        yield from ()

    def _title(self, width: int) -> list[Line]:
        state = self.state
        total, doubt, word = state.fleet.total(), state.coverage_doubt, self._shown_look.word
        return [top.title(state.environment, str(state.invoker), total, doubt, self.now, width, word)]

    def _lights(self, width: int) -> list[Line]:
        return [self.console_app.signs.lights(self.state, self.now, width)]

    def _banners(self, width: int) -> list[Line]:
        return self.console_app.signs.banners(self.state, self.now, width)

    def freshen(self) -> None:
        """Show what the app knows now. Called while this screen is on top: on events, and every second."""
        if not self._whole:  # resumed before its widgets are there; the end of mounting calls again
            return
        self.freshen_at_once()  # first: the title says the frame's word
        for name in ("#title", "#lights"):
            self.query_one(name, Lines).show()
        self.freshen_body()

    def freshen_at_once(self) -> None:
        """Show what cannot wait until the line can carry the rest: the frame, the banners, and what the body says."""
        if self._whole:
            self._colour_frame()
            self.query_one("#banner", Lines).show()
            self.freshen_first()

    def _colour_frame(self) -> None:
        """The frame in its colour; the word that says the same stands in the title."""
        look = self.console_app.signs.look(self.state, self.now)
        if look != self._shown_look:
            self.remove_class(f"-{self._shown_look.tone}")
            self._shown_look = look
            self.add_class(f"-{look.tone}")
        self.set_class(look.flashing and self.now.second % 2 == 1, "-flash")

    _shown_look = Look(Tone.PLAIN, "")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What changes something is not offered to somebody who may only look; a subclass asks this first."""
        del parameters
        return not (self.state.read_only and action in self.CHANGING)

    def copied(self) -> str:
        """What the copy key takes from this screen; nothing by default."""
        return ""

    def offer_anew(self) -> None:
        """Have the footer show the keys that make sense now, if those are others than before."""
        offered = tuple(key for key, active in self.active_bindings.items() if active.enabled)
        if offered != self._offered:
            self._offered = offered
            self.refresh_bindings()

    _offered: tuple[str, ...] = ()
    _whole = False

    def freshen_first(self) -> None:
        """Show what of this screen's body must be current at every moment."""

    def freshen_body(self) -> None:
        """Show what this screen's body is about as it is now, beyond what ``freshen_first`` shows."""

    async def on_event(self, event: events.Event) -> None:
        """Begin nothing on a screen that is taken away before its widgets are there: its app is being left."""
        if not isinstance(event, events.Mount) or self.children:
            await super().on_event(event)

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
