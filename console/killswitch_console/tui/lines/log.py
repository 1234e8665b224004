"""The log of this console in lines."""

from __future__ import annotations

from collections.abc import Iterable

from killswitch_console.hostile import clean
from killswitch_console.tui.lines.spans import Line, Tone, wrapped
from killswitch_console.tui.log_book import LogEntry

WRONG = (Tone.WARN, Tone.BAD)


def lines(entries: Iterable[LogEntry], width: int, *, only_wrong: bool) -> list[Line]:
    """Every entry with its time, over as many lines as it takes."""
    said: list[Line] = []
    for entry in entries:
        if only_wrong and entry.tone not in WRONG:
            continue
        mark = "!" if entry.tone in WRONG else " "
        times = f"  ({entry.times:,} times)" if entry.times > 1 else ""
        first, *rest = wrapped(clean(entry.text, most=600) + times, width - _BEFORE, tone=entry.tone) or [()]
        said.append(((f" {entry.at:%H:%M:%S}Z {mark} ", Tone.MUTED), *first))
        said += [((" " * _BEFORE, Tone.PLAIN), *line) for line in rest]
    return said


_BEFORE = len(" 03:04:05Z ! ")
