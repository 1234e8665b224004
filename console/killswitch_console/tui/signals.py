"""Ending well: signals end the screen, never a halt (design.md safety rule 3).

Stock Textual dies of SIGHUP and SIGTERM at once and leaves the terminal in disorder. The handlers stay in place
until the engine has finished too: closing an SSH session can send more than one signal.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

ENDING: Final = (signal.SIGHUP, signal.SIGTERM, signal.SIGINT)


@contextmanager
def ending_signals(end: Callable[[int], None]) -> Iterator[None]:
    """Have ``end(exit status)`` called in the main thread for each signal that asks this process to end.

    Python's own handlers, not the loop's: they work before the loop runs and after it has closed. ``end`` must
    come back at once; to reach a loop it uses ``call_soon_threadsafe``.
    """

    def handle(number: int, _: FrameType | None) -> None:
        end(128 + number)

    before = {number: signal.signal(number, handle) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
