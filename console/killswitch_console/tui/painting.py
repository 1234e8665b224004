"""The way from Textual's compositor to the terminal: only cells that the terminal does not show already are sent.

Textual 8.2 sends every dirty piece of text with all of its colours, and moves the cursor even if nothing is sent.
Uses private names of Textual; ``tests/console/tui/test_painting.py`` pins them.
"""

from __future__ import annotations

from rich.console import COLOR_SYSTEMS, RenderableType
from rich.control import Control
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.app import App
from textual.screen import Screen
from textual.widgets import Input

from killswitch_console.tui.canvas import Canvas
from killswitch_console.tui.driver import TerminalDriver


def put(update: ChopsUpdate | LayoutUpdate, canvas: Canvas) -> None:
    """Have a canvas show what the compositor would send."""
    if isinstance(update, LayoutUpdate):
        for y, strips in enumerate(update.strips, update.region.y):
            canvas.put(y, update.region.x, (segment for strip in strips for segment in strip))
        return
    for y, left, right in update.spans:
        for end, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
            if strip is not None and x < right and end > left:
                canvas.put(y, x, strip)


class Painting(App[int]):
    """The part of the app that paints."""

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        """Send what the terminal does not show yet; nothing at all if it shows everything."""
        driver = self._driver
        if not isinstance(driver, TerminalDriver) or not isinstance(renderable, ChopsUpdate | LayoutUpdate):
            super()._display(screen, renderable)
            return
        if self._running and not self._closed and not self._batch_count:
            driver.canvas.colours = COLOR_SYSTEMS[self.console.color_system or "truecolor"]
            driver.canvas.resize(*self.size)
            put(renderable, driver.canvas)
            if frame := driver.canvas.frame():
                self._begin_update()
                driver.write(frame + self._caret())
                self._end_update()
        self.post_display_hook()

    def _caret(self) -> str:
        """Where input methods are to open their windows: at the letter that is typed."""
        if not isinstance(self.focused, Input):
            return ""
        return Control.move_to(*self.screen.outer_size.clamp_offset(self.cursor_position)).segment.text

    def action_repaint(self) -> None:
        """Paint everything: something else wrote to the terminal, as ``wall`` and ``write`` do."""
        if isinstance(self._driver, TerminalDriver):
            self._driver.canvas.forget()
        self.screen.refresh()
