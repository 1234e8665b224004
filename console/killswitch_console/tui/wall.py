"""The driver of a console that is shown in a browser: textual's own for textual-serve, made to end with its server.

Stock Textual 8.2 goes on without input for ever when its server was killed. Keys of a browser reach a console that is
read-only; this file only carries them.
"""

from __future__ import annotations

from textual.drivers.web_driver import WebDriver


class WallDriver(WebDriver):
    """Ends the app when the server that shows it is gone."""

    def run_input_thread(self) -> None:
        """Take what the browser sends until the driver stops, or until nobody can send any more."""
        super().run_input_thread()
        if not self.exit_event.is_set():
            self._loop.call_soon_threadsafe(self._app.exit)
