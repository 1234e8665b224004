"""What the desk of a running drill and the replay of a recorded one look like: two sides, a line below."""

from __future__ import annotations

from textual.app import App

from killswitch_console.tui import terminal, themes
from killswitch_console.tui.driver import TerminalDriver
from killswitch_console.tui.sure_timers import SureTimers


class TwoSidedApp(SureTimers, App[int]):
    """``#header``, in ``#body`` ``#left`` and ``#right`` (one above the other where it is narrow), ``#asking``."""

    ENABLE_COMMAND_PALETTE = False
    TITLE = "killswitch-console drill"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012  (Textual declares it on the instance)
    CSS = """
    Screen { background: $background; }
    #header { height: 2; }
    #body { layout: vertical; height: 1fr; }
    #left, #right { width: 100%; height: 1fr; }
    #events { height: 1fr; }
    .-wide #body { layout: horizontal; }
    .-wide #left { width: 50%; height: 100%; border-right: solid $surface; }
    .-wide #right { width: 50%; height: 100%; }
    #asking { height: 1; display: none; background: $surface; }
    #typed { width: 1fr; }
    Footer { background: $surface; }
    """

    def __init__(self, theme: str | None) -> None:
        """Draw in a theme of the console's; None: the one that stands first."""
        super().__init__(driver_class=TerminalDriver, ansi_color=True if theme == terminal.PLAIN_THEME else None)
        themes.register(self)
        if theme is not None:
            self.theme = theme
