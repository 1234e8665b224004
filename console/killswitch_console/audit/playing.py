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

from killswitch_console import private
from killswitch_console.audit.casting import read_recording
from killswitch_console.audit.storage import TrailUnavailable
from killswitch_console.audit.volumes import TrailDirectory
from killswitch_console.hostile import clean

MOST_BYTES: Final = 2**29
"""Of a recording: it is held in memory, so that it can be sought in."""

_RESET: Final = "\x1b[0m\x1b[?25h\x1b[?1049l"

_HARMLESS: Final = re.compile(
    r"\x1b\[[0-9;:]*[ABCDEFGHJKLMPSTXdfm@`]"  # cursor, erasing, colours
    r"|\x1b\[\?(?:7|25|1049)[hl]"  # wrapping, the cursor's look, the other screen
    r"|[\n\r\t\b]"
    r"|[^\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\U000e0000-\U000e0fff]+"
)
"""What may go to a terminal; everything else is left out. (What is taken out of the middle of something else can leave
the very thing that was to be kept out, and one frame can begin what the next one ends.)"""

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
        private.check_plain(path)
        if path.stat().st_size > MOST_BYTES:
            raise TrailUnavailable(f"{path}: is larger than {MOST_BYTES // 2**20} MiB: `split` it by its lines")
        with path.open(encoding="utf-8", errors="replace") as file:
            return read_recording(file)
    except (OSError, ValueError) as error:
        raise TrailUnavailable(f"{path}: {getattr(error, 'strerror', None) or error}") from error


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
    return "".join(_HARMLESS.findall(text))


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
