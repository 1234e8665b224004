"""Telling a person on stderr how work goes, without ever waiting for them: a terminal may stall or be gone.

A write to a terminal that nobody reads blocks for as long as that lasts; a halt must not wait for it. So lines are
written by a thread of their own, and dropped when too many wait.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
from contextlib import suppress
from typing import Final, TextIO

from killswitch_console.hostile import clean

MOST_WAITING: Final = 200
"""Lines that may wait for a terminal; more are dropped, since newer ones tell more."""

LAST_SECONDS: Final = 1.0
"""How long the end of a command waits for a terminal to take what was said."""


class Voice:
    """Says lines on stderr, from any thread, never waiting."""

    def __init__(self) -> None:
        self._lines: queue.Queue[str] = queue.Queue(MOST_WAITING)
        self._quiet = threading.Event()
        self._quiet.set()
        self._thread: threading.Thread | None = None

    def say(self, text: str) -> None:
        """Say one line, some time soon, if anybody can still hear it."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._speak, name="voice", daemon=True)
            self._thread.start()
        self._quiet.clear()
        with suppress(queue.Full):
            self._lines.put_nowait(clean(text, most=1000))

    def finish(self) -> None:
        """Let what was said be heard, but do not wait for a terminal that takes nothing."""
        self._quiet.wait(LAST_SECONDS)

    def _speak(self) -> None:
        while True:
            line = self._lines.get()
            try:
                print(line, file=sys.stderr, flush=True)
            except (OSError, ValueError):  # a terminal that is gone, a stream that was closed
                silence(sys.stderr)
            if self._lines.empty():
                self._quiet.set()


def silence(stream: TextIO) -> None:
    """Send what is still to be written to a dead stream nowhere: the interpreter would fail on it at its end."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
