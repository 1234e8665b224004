"""The seam to the audit trail: what the engine tells it, and what it may wait for.

The engine knows no storage. A halt never waits longer than the recorder's own budget and never learns of a failure
here (it goes on, the recorder says so on the screen); whatever else changes something asks for ``require`` and does
not begin without it (design.md safety rule 2).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final, Protocol

RECORD_SECONDS: Final = 0.25
"""Longest that ``Recorder.record`` may keep a halt waiting."""

Happening = tuple[str, Mapping[str, Any]]
"""A kind of event (``halt.intent``) and its JSON-able particulars."""


class RecordingNeeded(Exception):
    """The audit trail cannot take the event, and what was asked for may not be done unrecorded."""


class Recorder(Protocol):
    """An open trail, as the engine sees it. Called in the engine's loop only."""

    def note(self, kind: str, data: Mapping[str, Any], *, halt_id: str | None = None) -> None:
        """Record soon; never waits, never raises."""

    async def record(self, kind: str, data: Mapping[str, Any], *, halt_id: str | None = None) -> None:
        """Record now: returns when the event is durable, or has fallen down the ladder, within ``RECORD_SECONDS``."""

    async def require(self, kind: str, data: Mapping[str, Any], *, halt_id: str | None = None) -> None:
        """Record now, or not at all.

        Raises:
            RecordingNeeded: when the event is not in the trail; the caller must change nothing then.
        """


class Unrecorded:
    """A recorder that keeps nothing: for parts of the engine that run without a trail (tests, planning tools)."""

    def note(self, kind: str, data: Mapping[str, Any], *, halt_id: str | None = None) -> None:
        """Keep nothing."""

    async def record(self, kind: str, data: Mapping[str, Any], *, halt_id: str | None = None) -> None:
        """Keep nothing."""

    async def require(self, kind: str, data: Mapping[str, Any], *, halt_id: str | None = None) -> None:
        """Keep nothing."""


UNRECORDED: Final[Recorder] = Unrecorded()

Warn = Callable[[str], None]
"""Says one line to whoever watches."""

RecorderOpener = Callable[[Warn], AbstractAsyncContextManager[Recorder]]
"""Opens a recorder for one engine; must not raise for a trail that cannot be used."""


class ScreenRecording(Protocol):
    """An open recording of a screen. Every method may be called from any thread; none blocks or raises."""

    def output(self, text: str) -> None:
        """Something was written to the terminal."""

    def resized(self, columns: int, rows: int) -> None:
        """The terminal has another size."""


ScreenOpener = Callable[[int, int], ScreenRecording | None]
"""Begins a recording of a screen of so many columns and rows; raises ``RecordingNeeded`` if there must be one."""


@asynccontextmanager
async def unrecorded(_: Warn) -> AsyncIterator[Recorder]:
    """Open no trail at all."""
    yield UNRECORDED
