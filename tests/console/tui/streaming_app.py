"""A busy screen on the real driver, for test_driver.py: frames to the terminal, the beat of its loop to stdout."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import ClassVar

from textual.app import App, ComposeResult
from textual.widgets import Static

from killswitch_console.tui.driver import TerminalDriver
from killswitch_console.tui.signals import ending_signals


class Streaming(App[int]):
    BINDINGS: ClassVar = [("q", "quit", "Quit")]

    def __init__(self) -> None:
        super().__init__(driver_class=TerminalDriver)
        self.loop: asyncio.AbstractEventLoop | None = None
        self._number = 0

    def compose(self) -> ComposeResult:
        yield Static()

    def on_mount(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.set_interval(0.02, self._paint)
        self.set_interval(0.2, self._report)

    def _paint(self) -> None:
        self._number += 1
        self.query_one(Static).update("\n".join(f"frame {self._number} {n} " * 4 for n in range(24)))

    def _report(self) -> None:
        os.write(1, f"beat {self._number}\n".encode())

    def end(self, status: int) -> None:
        assert self.loop is not None
        self.loop.call_soon_threadsafe(lambda: self.exit(return_code=status))


if __name__ == "__main__":
    app = Streaming()
    with ending_signals(app.end):
        app.run()
    sys.exit(app.return_code or 0)
