"""Timers that fire, however late. Textual's own are lost where the machine keeps its loop waiting.

``MessagePump.set_timer`` makes a timer that may leave out ticks it is too late for (``Timer._run``, ``skip``). One that
fires once has one tick to leave out: if more than its delay passes between two lines of ``_run`` - another thread's
turn, a search for cycles - it never fires. The console takes news in after a millisecond, and Textual takes a resized
terminal in after eight: a screen stood at "writing intent down" while its halt ran to the end.
"""

from __future__ import annotations

from textual.message_pump import MessagePump
from textual.timer import Timer, TimerCallback


class SureTimers(MessagePump):
    """Put before an app or a screen: its timers, and those that Textual sets on it, may be late but are never lost."""

    def set_timer(
        self,
        delay: float,
        callback: TimerCallback | None = None,
        *,
        name: str | None = None,
        pause: bool = False,
    ) -> Timer:
        """Call a function once, ``delay`` seconds from now or later (as ``MessagePump.set_timer``)."""
        timer = super().set_timer(delay, callback, name=name, pause=pause)
        timer._skip = False  # noqa: SLF001  (no other way; read at the loop's next turn at the earliest)
        return timer
