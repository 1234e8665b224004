"""The facilitator's screen in the main thread, tied to the desk in the drill's own."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress

from killswitch_console.drills.desk import Desk
from killswitch_console.drills.desk_app import DeskApp
from killswitch_console.drills.desk_view import view_of
from killswitch_console.drills.facilitating import Lead
from killswitch_console.tui import terminal
from killswitch_console.tui.signals import ending_signals


class ScreenFace:
    """Ties the app to the desk in the drill's thread."""

    def __init__(self) -> None:
        self.app: DeskApp | None = None
        self._desk: Desk | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: list[str] = []

    def show(self, text: str) -> None:
        """Answers of the desk; what happens is in the view."""
        if self.app is not None and not text.startswith(" "):
            self.app.soon(lambda app: app.say(text))

    async def attend(self, desk: Desk) -> None:
        """Be there until the desk is closed."""
        self._desk, self._loop = desk, asyncio.get_running_loop()
        for line in self._waiting:
            desk.do(line)
        self._push()
        await desk.closed.wait()

    def submit(self, line: str) -> None:
        """Hand the desk a line. From any thread."""
        if self._loop is None:
            self._waiting.append(line)
            return
        with suppress(RuntimeError):  # the drill has ended
            self._loop.call_soon_threadsafe(self._do, line)

    def _do(self, line: str) -> None:
        assert self._desk is not None  # noqa: S101  (submit waits for it)
        self._desk.do(line)
        self._push()

    def look(self) -> None:
        """Ask for a view. From any thread."""
        if self._loop is not None:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._push)

    def _push(self) -> None:
        if self._desk is not None and self.app is not None:
            view = view_of(self._desk)
            self.app.soon(lambda app: app.show_view(view))


def run_desk(lead: Lead) -> int:
    """Lead a drill from a full screen; the exit status. A defect of either thread is raised here."""
    face = ScreenFace()
    face.app = app = DeskApp(face.submit, face.look, theme=terminal.theme())
    outcome: list[int | BaseException] = []

    def work() -> None:
        try:
            outcome.append(lead.run(face))
        except BaseException as error:  # noqa: BLE001  (raised below, in the main thread)
            outcome.append(error)
        finally:
            app.done = True
            app.soon(lambda shown: shown.exit(0))

    thread = threading.Thread(target=work, name="drill")
    thread.start()
    with ending_signals(app.end):
        try:
            app.run()
        finally:
            app.end(1)
            thread.join()
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    return outcome[0]
