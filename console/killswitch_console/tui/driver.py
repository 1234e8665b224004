"""A terminal driver that neither freezes the screen's loop on a stalled line nor spins on a dead one.

Stock Textual 8.2 blocks its event loop once 30 writes wait for a stalled SSH peer, and reads a closed terminal at 100%
CPU for ever (style.md). Here frames that nobody reads are dropped, and the screen is painted anew once they are
read again. It uses private names of Textual; ``tests/console/tui/test_driver.py`` pins them.
"""

from __future__ import annotations

import os
import selectors
import sys
import threading
from codecs import getincrementaldecoder
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver

from killswitch_console import ascii_only
from killswitch_console.tui.canvas import Canvas

if TYPE_CHECKING:
    from textual.app import App

MOST_WAITING: Final = 64 * 1024
"""Bytes that may wait for the terminal before frames are dropped."""

LEAVE_SECONDS: Final = 1.0
"""How long a driver waits for the terminal to take the sequences that put it back in order."""

GONE: Final = 129
"""The exit status of an app whose terminal went away: as if SIGHUP had ended it."""


class Outlet(threading.Thread):
    """Writes to a terminal in a thread of its own; whoever writes never waits.

    Writes go to the file descriptor itself: a buffered file would be left locked by a thread that a stalled
    terminal holds, and the interpreter could not end.
    """

    def __init__(self, fileno: int, *, on_drained: Callable[[], None], on_gone: Callable[[], None]) -> None:
        """Prepare to write to ``fileno``.

        Args:
            fileno: the terminal.
            on_drained: called in this thread when, after frames were dropped, all is written: paint anew.
            on_gone: called in this thread once the terminal cannot be written to any more.
        """
        super().__init__(daemon=True, name="terminal output")
        self._fileno = fileno
        self._ascii = ascii_only.wanted(os.environ)
        self._on_drained = on_drained
        self._on_gone = on_gone
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._some = threading.Condition()
        self._dropping = False
        self._closing = False
        self.gone = False

    def write(self, text: str) -> None:
        """Hand over some output; it is dropped if the terminal does not keep up or is gone."""
        data = self._encode(text)
        with self._some:
            if self.gone or self._dropping:
                return
            if self._size + len(data) > MOST_WAITING and self._waiting:
                self._dropping = True
                return
            self._append(data)

    def leave(self, text: str) -> None:
        """Throw away the frames that wait, in favour of the sequences that put the terminal back in order."""
        with self._some:
            if self._dropping:
                self._waiting.clear()
                self._size = 0
            self._append(self._encode(text))
            self._closing = True
            self._some.notify()

    def _encode(self, text: str) -> bytes:
        return ascii_only.to_ascii(text).encode("ascii") if self._ascii else text.encode("utf-8", "replace")

    def _append(self, data: bytes) -> None:
        self._waiting.append(data)
        self._size += len(data)
        self._some.notify()

    def run(self) -> None:
        """Write until left, or until the terminal is gone."""
        while (data := self._next()) is not None:
            try:
                self._write_all(data)
            except OSError:
                self._lose()
                return

    def _next(self) -> bytes | None:
        with self._some:
            while not self._waiting:
                if self._closing:
                    return None
                if self._dropping:
                    self._dropping = False
                    self._on_drained()
                self._some.wait()
            data = self._waiting.popleft()
            self._size -= len(data)
            return data

    def _write_all(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._fileno, view) :]

    def _lose(self) -> None:
        with self._some:
            self.gone = True
            self._waiting.clear()
        self._on_gone()


class TerminalDriver(LinuxDriver):
    """Textual's driver for Linux with an outlet that never blocks and an inlet that notices the end of its terminal."""

    def __init__(
        self, app: App[Any], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self.sent = 0
        """Characters that were written: what a line has to carry, near enough."""
        self.canvas = Canvas()
        """What the terminal shows."""
        self._outlet: Outlet | None = None
        self._leaving: list[str] | None = None

    def write(self, data: str) -> None:
        """Write to the terminal, now or never; never wait."""
        self.sent += len(data)
        if (recording := getattr(self._app, "recording", None)) is not None:
            recording.output(data)
        if self._leaving is not None:
            self._leaving.append(data)
        elif self._outlet is not None:
            self._outlet.write(data)

    def start_application_mode(self) -> None:
        """Take the terminal over."""
        assert sys.__stderr__ is not None  # noqa: S101  (run_app refused to start without a terminal)
        self._outlet = Outlet(sys.__stderr__.fileno(), on_drained=self._in_loop(self._repaint), on_gone=self._lost)
        self._outlet.start()
        self.canvas.forget()
        super().start_application_mode()  # type: ignore[no-untyped-call]

    def stop_application_mode(self) -> None:
        """Give the terminal back, ahead of any frame that it has not read yet."""
        self._leaving = []
        try:
            super().stop_application_mode()
        finally:
            text, self._leaving = "".join(self._leaving), None
            if self._outlet is not None:
                self._outlet.leave(text)

    def close(self) -> None:
        """End the threads; a terminal that reads nothing is not waited for."""
        super().close()
        if self._outlet is not None:
            self._outlet.join(LEAVE_SECONDS)
            self._outlet = None

    def run_input_thread(self) -> None:
        """Read keys until the driver stops or the terminal ends (runs in Textual's input thread)."""
        parser = XTermParser(self._debug)
        decode = getincrementaldecoder("utf-8")("replace").decode
        with selectors.DefaultSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                if selector.select(0.1):
                    data = self._read()
                    if not data:
                        self._lost()
                        return
                    for message in parser.feed(decode(data)):
                        self.process_message(message)
                for message in parser.tick():
                    self.process_message(message)

    def _read(self) -> bytes:
        """Read what the terminal has; empty at its end, however the kernel reports that."""
        try:
            return os.read(self.fileno, 4096)
        except OSError:
            return b""

    def _lost(self) -> None:
        self._in_loop(lambda: self._app.exit(return_code=GONE))()

    def _repaint(self) -> None:
        """Paint the whole screen: what the terminal shows is older than what was dropped."""
        self.canvas.forget()
        if self._app.is_running:
            self._app.screen.refresh()

    def _in_loop(self, work: Callable[[], None]) -> Callable[[], None]:
        """Turn some work into something any thread may call, that has it done in the app's loop if that still runs."""

        def call() -> None:
            with suppress(RuntimeError):  # the loop has closed: there is no screen left to tell
                self._loop.call_soon_threadsafe(work)

        return call
