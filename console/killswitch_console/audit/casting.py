"""Recordings of what a session's screen showed: asciicast v2 (or v3), output only, secrets blanked, events as markers.

Written by a thread of its own behind a bounded queue: a full or slow disk drops frames (and says so in the recording),
never a halt. Keys are not recorded, so nothing that is typed and not shown can be in it.
"""

from __future__ import annotations

import json
import os
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final

from killswitch_backends.outside import parsed
from killswitch_console import private

MOST_WAITING: Final = 2000
"""Frames that may wait for the disk."""

CLOSE_SECONDS: Final = 2.0
_LONGEST: Final = 10.0**9
"""Seconds in a recording: what says more (or is no number) was not written by a clock."""

_END: Final = None


class Recording:
    """An open recording. ``output`` and ``marker`` may be called from any thread and never block."""

    def __init__(self, path: Path, *, columns: int, rows: int, version: int, scrub: Callable[[str], str]) -> None:
        """Begin a recording.

        Raises:
            OSError: when the file cannot be made.
        """
        self.path = path
        self.failure = ""
        self._scrub = scrub
        self._relative = version == 3
        self._began = self._last = time.monotonic()
        self._queue: queue.Queue[tuple[str, float, str] | None] = queue.Queue(MOST_WAITING)
        self._dropped = 0
        private.folder(path.parent)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._file = os.fdopen(fd, "w", encoding="utf-8")
        self._line(_header(columns, rows, version))
        self._thread = threading.Thread(target=self._write, name="recording", daemon=True)
        self._thread.start()

    def output(self, text: str) -> None:
        """Something was written to the screen."""
        self._put("o", text)

    def marker(self, text: str) -> None:
        """Something happened: an event's id and kind."""
        self._put("m", text)

    def resized(self, columns: int, rows: int) -> None:
        """The terminal has another size."""
        self._put("r", f"{columns}x{rows}")

    def _put(self, code: str, text: str) -> None:
        try:
            self._queue.put_nowait((code, time.monotonic(), text))
        except queue.Full:
            self._dropped += 1

    def close(self) -> None:
        """Write what waits, for ``CLOSE_SECONDS`` at most."""
        try:
            self._queue.put(_END, timeout=CLOSE_SECONDS)
        except queue.Full:
            return
        self._thread.join(CLOSE_SECONDS)

    def _write(self) -> None:
        try:
            with self._file:
                while (item := self._queue.get()) is not None:
                    self._event(*item)
                    if self._queue.empty():
                        self._file.flush()
                self._file.flush()
                os.fsync(self._file.fileno())
        except (OSError, ValueError) as error:
            self.failure = str(error)

    def _event(self, code: str, at: float, text: str) -> None:
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            self._event("m", at, f"{dropped} frames were not recorded")
        since = self._last if self._relative else self._began
        self._last = at
        self._line([round(at - since, 6), code, self._scrub(text)])

    def _line(self, value: object) -> None:
        self._file.write(json.dumps(value, ensure_ascii=False) + "\n")


def _header(columns: int, rows: int, version: int) -> dict[str, object]:
    if version == 3:
        return {"version": 3, "term": {"cols": columns, "rows": rows}, "timestamp": int(time.time())}
    return {"version": 2, "width": columns, "height": rows, "timestamp": int(time.time())}


def read_recording(file: IO[str]) -> list[tuple[float, str, str]]:
    """A recording's events: seconds since its beginning, code, text. A torn last line is left out.

    Raises:
        ValueError: it is not an asciicast of version 2 or 3.
    """
    header = parsed(file.readline() or "null")
    if not isinstance(header, dict) or header.get("version") not in (2, 3):
        raise ValueError("not an asciicast of version 2 or 3")
    events: list[tuple[float, str, str]] = []
    at = 0.0
    for line in file:
        if line.startswith("#") or not line.strip():
            continue
        try:
            when, code, text = parsed(line)
            seconds = float(when)
        except (TypeError, ValueError, OverflowError):
            break
        if not isinstance(code, str) or not isinstance(text, str):
            break
        if not 0 <= seconds < _LONGEST:
            break
        at = at + seconds if header["version"] == 3 else seconds
        events.append((at, code, text))
    return events
