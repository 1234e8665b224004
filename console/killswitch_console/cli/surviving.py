"""Once something was confirmed, nothing a terminal does ends it: hang-ups, interrupts and terminations are answered.

``kill -9`` cannot be; the ledger and `resume` are for that.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def surviving(say: Callable[[str], None], goes_on: str) -> Iterator[None]:
    """While this lasts, a signal that would end the process only has it say what goes on. In a running loop only."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, say, f"{signal.Signals(number).name}: {goes_on}")
    try:
        yield
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)


@contextmanager
def ending(end: asyncio.Event) -> Iterator[None]:
    """While this lasts, an interrupt or a termination sets an event; a hang-up is ignored. In a running loop only."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end.set)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
