"""Moving between screens: places, halts, plans, the palette, help. Nothing here changes anything but what is shown."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from textual.app import App

from killswitch_console.hostile import clean
from killswitch_console.tui.lines.spans import Tone
from killswitch_console.tui.model import Grouping
from killswitch_console.tui.palette import Entry
from killswitch_console.tui.places import Place, Places
from killswitch_console.tui.screens.base import ConsoleScreen
from killswitch_console.tui.screens.fleet import FleetScreen
from killswitch_console.tui.screens.halt import HaltScreen
from killswitch_console.tui.screens.help import HelpDialog
from killswitch_console.tui.screens.palette import PaletteDialog
from killswitch_console.tui.screens.plan import PlanScreen
from killswitch_console.tui.screens.restore import RestoreScreen
from killswitch_console.tui.state import ConsoleState
from killswitch_inventory.agents import AgentKey
from killswitch_inventory.scopes import Scope


class Navigating(App[int]):
    """The part of the app that knows its screens."""

    state: ConsoleState
    places: Places
    now: Callable[[], datetime]

    def tell(self, text: str, *, wrong: bool) -> None:
        """Say something on whatever screen is shown, and keep it in the log."""
        self.state.log.note(self.now(), text, Tone.WARN if wrong else Tone.PLAIN)
        self.notify(clean(text, most=300), severity="warning" if wrong else "information", markup=False)

    def open_plan(self, *scopes: Scope) -> None:
        """Plan a halt of a scope, or of several at once."""
        if self.state.read_only:
            self.bell()
        else:
            self.push_screen(PlanScreen(scopes))

    def open_halt(self, halt_id: str, scope: Scope) -> None:
        """Look at one halt."""
        self.push_screen(HaltScreen(halt_id, scope))

    def open_restore(self, halt_id: str) -> None:
        """Ask for what the restore of a halt needs."""
        halt = self.state.book.get(halt_id)
        if halt is None or halt.phase.under_way or not halt.held or self.state.read_only:
            self.bell()
        else:
            self.push_screen(RestoreScreen(halt))

    def action_place(self, key: str) -> None:
        """To the place that a key leads to."""
        if (place := self.places.by_key(key)) is None:
            self.bell()
        else:
            self.go(place)

    async def _check_bindings(self, key: str, priority: bool = False) -> bool:
        """Know the places' own letters from the first frame on, also before they were looked for and bound.

        They are then looked for at once, as for a digit: what is typed next must find the place that it was meant for.
        """
        if await super()._check_bindings(key, priority):
            return True
        letter = len(key) == 1 and key.isalpha()
        if priority or not letter or self.screen.is_modal or (place := self.places.by_key(key)) is None:
            return False
        self.go(place)
        return True

    def go(self, place: Place) -> None:
        """To a place: a dialog opens over what is shown; Esc on a screen leads back to the fleet."""
        if isinstance(self.screen, ConsoleScreen) and self.screen.place == place.name:
            return
        screen = place.open()
        if isinstance(screen, ConsoleScreen):
            screen.place = place.name
        if not screen.is_modal:
            self.action_fleet()
        if not isinstance(screen, FleetScreen):
            self.push_screen(screen)

    def action_fleet(self) -> None:
        """To the fleet."""
        while len(self.screen_stack) > 1:
            self.pop_screen()

    def action_halts(self) -> None:
        """To the list of halts."""
        if (place := self.places.by_name("halts")) is not None:
            self.go(place)

    def action_open(self) -> None:
        """To the halt that is under way, or the list of those that are held."""
        busy = self.state.book.under_way()
        if isinstance(self.screen, HaltScreen):
            return
        if busy:
            self.open_halt(busy[0].header.halt_id, busy[0].header.scope)
        else:
            self.action_halts()

    def action_palette(self) -> None:
        """Any command, by typing it."""
        self.push_screen(PaletteDialog(self.screen), self._run_entry)

    def _run_entry(self, entry: Entry | None) -> None:
        if entry is not None:
            entry.run(self)

    def press_below(self, key: str) -> None:
        """Do what a key does on the screen that is shown."""
        self.simulate_key(key)

    def group_by(self, grouping: Grouping) -> None:
        """To the fleet, grouped by something."""
        self._at_the_fleet().group_by(grouping)

    def filter_by(self, text: str) -> None:
        """To the fleet, filtered."""
        self._at_the_fleet().filter_by(text)

    def show_agent(self, key: AgentKey) -> None:
        """To the fleet, the cursor on an agent."""
        self._at_the_fleet().show_node(key)

    def _at_the_fleet(self) -> FleetScreen:
        self.action_fleet()
        assert isinstance(self.screen, FleetScreen)  # noqa: S101  (it is at the bottom of every stack)
        return self.screen

    def action_copy(self) -> None:
        """Copy what the screen is about to the clipboard of the terminal (OSC 52, also over SSH)."""
        text = clean(self.screen.copied() if isinstance(self.screen, ConsoleScreen) else "", most=2000)
        if text:
            self.copy_to_clipboard(text)
            self.tell(f"copied: {text}", wrong=False)
        else:
            self.bell()

    def action_help(self) -> None:
        """Help for the screen that is shown."""
        here = self.screen.HELP_LINES if isinstance(self.screen, ConsoleScreen) else ()
        self.push_screen(HelpDialog(here, self.places.load()))
