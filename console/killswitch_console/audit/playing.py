"""Replaying a recording in the terminal, from the start or from an event's marker.

The recording is our own output, yet it may have been changed: only what a screen needs is let through to the terminal
(text, colours, cursor), nothing that could answer, set titles or reach the clipboard.
"""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path
from typing import Final

from killswitch_console.audit.casting import read_recording
from killswitch_console.audit.storage import TrailUnavailable
from killswitch_console.audit.volumes import TrailDirectory
from killswitch_console.hostile import clean

_RESET: Final = "\x1b[0m\x1b[?25h\x1b[?1049l"

_HARMFUL: Final = re.compile(
    r"\x1b[\]PX^_][\s\S]*?(?:\x07|\x1b\\|\Z)"  # OSC, DCS, SOS, PM, APC: titles, clipboard, queries
    r"|\x1b\[[0-9;?>=]*[cntpq]"  # device queries and window operations
    r"|\x1b\[[<>=?][0-9;]*u"  # keyboard protocols
    r"|\x1b\[\?(?:1000|1002|1003|1004|1006|1015|1016|2004|2026|2048)[hl]"  # mouse, focus, paste
    r"|\x9b|\x9d|\x90|\x07"
)

Events = list[tuple[float, str, str]]


def find_recording(directory: TrailDirectory, session: str) -> Path:
    """A session's recording. Raises ``TrailUnavailable``."""
    if (given := Path(session)).is_file():
        return given
    found = sorted(directory.recordings.glob(f"{session}*.cast")) if re.fullmatch(r"[0-9A-Z]+", session) else []
    if not found:
        raise TrailUnavailable(f"there is no recording of session {session} in {directory.recordings}")
    return found[-1]


def load(path: Path) -> Events:
    """A recording's events. Raises ``TrailUnavailable``."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return read_recording(file)
    except (OSError, ValueError, TypeError) as error:
        raise TrailUnavailable(f"{path}: {error}") from error


def at_marker(events: Events, wanted: str | None) -> int:
    """Where in a recording a marker is. Raises ``TrailUnavailable``."""
    if wanted is None:
        return 0
    for number, (_, code, text) in enumerate(events):
        if code == "m" and (wanted in text.split() or text.startswith(wanted)):
            return number
    markers = ", ".join(clean(text) for _, code, text in events if code == "m")
    raise TrailUnavailable(f"no marker {wanted} in it; it has: {markers or 'none'}")


def harmless(text: str) -> str:
    """Output as it may go to a terminal again."""
    return _HARMFUL.sub("", text)


async def play(directory: TrailDirectory, session: str, *, start: str | None, speed: float, idle: float) -> int:
    """Replay a session; everything before the start is drawn at once, so that the screen is right.

    Raises:
        TrailUnavailable: no such recording, or no such marker.
    """
    events = load(await asyncio.to_thread(find_recording, directory, session))
    first = at_marker(events, start)
    before = "".join(harmless(text) for _, code, text in events[:first] if code == "o")
    try:
        _show(before)
        last = events[first][0] if events else 0.0
        for at, code, text in events[first:]:
            if speed > 0:
                await asyncio.sleep(min(max(0.0, at - last), idle) / speed)
            last = at
            if code == "o":
                _show(harmless(text))
    finally:
        _show(_RESET)
    return 0


def _show(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
