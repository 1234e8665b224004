"""The trail as one long list of places, for a screen that may show a million events: pages by place, growing searches.

Volumes follow each other; an event's place in the list is how many come before it. Nothing here reads more than a page
or a slice at a time, so writers are never held up for long. Every method blocks; one thread at a time may use a
``Browser``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from killswitch_console.audit.events import Event
from killswitch_console.audit.reading import Selection, Volume, open_volume
from killswitch_console.audit.storage import TrailUnavailable
from killswitch_console.audit.volumes import TrailDirectory

SLICE: Final = 20_000
"""Places that a search looks at in one statement: some tens of milliseconds."""

SINKS: Final = ("s3", "otlp", "webhook")


@dataclass(frozen=True, slots=True)
class Sink:
    """How far one sink is, over all volumes."""

    name: str
    behind: int
    """Events it does not have yet."""
    last: str
    """When it last took some (RFC 3339); empty for never."""
    problem: str
    since: str = ""
    """When the oldest event happened that it does not have."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How the trail stands."""

    events: int = 0
    volumes: int = 0
    receipt: str = ""
    """``SIZE@ROOT`` of the last signed head."""
    unsigned: int = 0
    """Events at the end that no signature covers."""
    sinks: tuple[Sink, ...] = ()
    refused: int = 0
    problem: str = ""
    """What cannot be read, and why."""


@dataclass(frozen=True, slots=True)
class Found:
    """A part of a search's answer."""

    places: list[int]
    """The newest first."""
    left: int
    """Places that were not looked at yet."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """The places of one volume: ``first`` is that of its first event."""

    path: Path
    first: int
    size: int


class Browser:
    """An open trail. Close it when done."""

    def __init__(self, directory: TrailDirectory, sinks: tuple[str, ...] = ()) -> None:
        """Open nothing yet. ``sinks``: those that the configuration names."""
        self._directory = directory
        self._sinks = sinks
        self._open: dict[Path, Volume] = {}
        self._stack = ExitStack()
        self.stretches: tuple[Stretch, ...] = ()

    def close(self) -> None:
        """Close all volumes."""
        self._stack.close()
        self._open.clear()

    def look(self) -> Standing:
        """See how long the trail is now, and how it stands. Never raises for a volume that cannot be read."""
        stretches: list[Stretch] = []
        problems: list[str] = []
        before = 0
        for path in self._directory.volumes():
            try:
                size = self._volume(path).size()
            except TrailUnavailable as error:
                problems.append(str(error))
                continue
            stretches.append(Stretch(path, before, size))
            before += size
        self.stretches = tuple(stretches)
        try:
            return self._standing(before, problems)
        except TrailUnavailable as error:
            return Standing(before, len(stretches), problem="; ".join([*problems, str(error)]))

    def _standing(self, events: int, problems: list[str]) -> Standing:
        receipt, unsigned = "", 0
        if self.stretches:
            last = self.stretches[-1]
            receipt, signed = self._volume(last.path).signed()
            unsigned = last.size - signed
        sinks = tuple(self._sink(name) for name in SINKS if name in self._sinks)
        refused = sum(self._volume(s.path).refused() for s in self.stretches)
        return Standing(events, len(self.stretches), receipt, unsigned, sinks, refused, "; ".join(problems))

    def _sink(self, name: str) -> Sink:
        behind, last, problem, since = 0, "", "", ""
        for stretch in self.stretches:
            volume = self._volume(stretch.path)
            next_seq, at, wrong = volume.cursor(name) or (1, "", None)
            lacking = max(0, stretch.size - next_seq + 1)
            if lacking and not since:
                since = volume.happened(next_seq)
            behind += lacking
            last, problem = max(last, at), wrong or problem
        return Sink(name, behind, last, problem, since)

    def sent_to(self, name: str, place: int) -> bool:
        """Whether a sink has the event of a place. Raises ``TrailUnavailable``."""
        stretch = self._stretch(place)
        cursor = self._volume(stretch.path).cursor(name) if stretch else None
        return bool(stretch and cursor and cursor[0] > place - stretch.first + 1)

    def page(self, first: int, count: int) -> list[Event | None]:
        """The events of some places; None for one that is gone. Raises ``TrailUnavailable``."""
        events: list[Event | None] = []
        for stretch in self.stretches:
            begin, end = max(first, stretch.first), min(first + count, stretch.first + stretch.size)
            if begin < end:
                low, high = begin - stretch.first + 1, end - stretch.first
                found = self._volume(stretch.path).between(low, high)
                events += [found.get(seq) for seq in range(low, high + 1)]
        return events

    def _stretch(self, place: int) -> Stretch | None:
        return next((s for s in self.stretches if s.first <= place < s.first + s.size), None)

    def _volume(self, path: Path) -> Volume:
        if path not in self._open:
            self._open[path] = self._stack.enter_context(open_volume(path))
        return self._open[path]


def search(stretches: tuple[Stretch, ...], wanted: Selection, *, after: int = 0) -> Iterator[Found]:
    """Look through some volumes from the newest event to the oldest, telling what is found slice by slice.

    Opens connections of its own. Blocks between what it yields; whoever has seen enough closes it.

    Args:
        stretches: where to look (``Browser.stretches``).
        wanted: what for.
        after: only places from this one on.

    Raises:
        TrailUnavailable: a volume cannot be read.
    """
    left = sum(s.size for s in stretches) - after
    for stretch in reversed(stretches):
        if stretch.first + stretch.size <= after:
            return
        with open_volume(stretch.path) as volume:
            condition = volume.condition(wanted)
            least = max(1, after - stretch.first + 1)
            for last in range(stretch.size, least - 1, -SLICE):
                first = max(least, last - SLICE + 1)
                left -= last - first + 1
                yield Found([stretch.first + seq - 1 for seq in volume.matching(condition, first, last)], left)
