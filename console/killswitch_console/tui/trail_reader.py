"""What the audit screen reads, off its loop: pages of the trail, a running search, how the trail stands.

One thread at a time reads for the screen, another one searches; the screen's loop only ever waits for them. What was
read is kept for as long as it is near what is in view.
"""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from killswitch_console.audit.browsing import Browser, Found, Standing, Stretch, search
from killswitch_console.audit.events import Event
from killswitch_console.audit.reading import Selection
from killswitch_console.audit.volumes import TrailDirectory

PAGE: Final = 100
"""Events read at once."""

KEPT: Final = 60
"""Pages kept: those last used."""


class TrailReader:
    """A trail as rows, the newest first: all of it, or what a search found so far. Used by one loop."""

    def __init__(self, directory: TrailDirectory, sinks: tuple[str, ...]) -> None:
        """Open nothing yet."""
        self._browser = Browser(directory, sinks)
        self._turn = asyncio.Lock()
        self._pages: OrderedDict[int, list[Event | None]] = OrderedDict()
        self._found: list[int] | None = None
        """Places that the search found, the newest first; None while nothing is looked for."""
        self.left = 0
        """Places that the search did not look at yet."""
        self.standing = Standing()
        self.looked = False
        """Whether the trail was looked at at all."""

    @property
    def total(self) -> int:
        """Events in the trail."""
        return self.standing.events

    @property
    def last_size(self) -> int:
        """Events in the newest volume."""
        return self._browser.stretches[-1].size if self._browser.stretches else 0

    @property
    def count(self) -> int:
        """Rows there are."""
        return self.total if self._found is None else len(self._found)

    def place(self, row: int) -> int:
        """The place of a row."""
        return self.total - 1 - row if self._found is None else self._found[row]

    def known(self, row: int) -> tuple[Event | None] | None:
        """What is in a row (``(None,)``: its event is gone), or None while it was not read."""
        place = self.place(row)
        page = self._pages.get(place // PAGE)
        if page is None or place % PAGE >= len(page):
            return None
        return (page[place % PAGE],)

    async def look(self) -> int:
        """See how the trail stands now; how many events came since."""
        async with self._turn:
            before, oldest = self.total, self._browser.stretches[:1]
            self.standing = await asyncio.to_thread(self._browser.look)
            self.looked = True
            if oldest and [s.path for s in oldest] != [s.path for s in self._browser.stretches[:1]]:
                self._pages.clear()  # the oldest volume is gone (retention): every place is another one now
                self.everything()
            elif self.total != before:
                self._pages.pop(before // PAGE, None)  # it has grown
        return self.total - before

    async def fetch(self, rows: range) -> None:
        """Read what is missing of some rows, and a page beyond. Raises ``TrailUnavailable``."""
        beyond = len(rows)
        wanted = range(max(0, rows.start - beyond), min(self.count, rows.stop + beyond))
        pages = {self.place(row) // PAGE for row in wanted}
        async with self._turn:
            for number in sorted(pages, reverse=True):
                if number in self._pages:
                    self._pages.move_to_end(number)
                    continue
                self._pages[number] = await asyncio.to_thread(self._browser.page, number * PAGE, PAGE)
            while len(self._pages) > max(KEPT, len(pages)):
                self._pages.popitem(last=False)

    async def anchored(self, place: int) -> bool | None:
        """Whether the remote anchor has the event of a place; None where there is no remote anchor."""
        if not any(sink.name == "s3" for sink in self.standing.sinks):
            return None
        async with self._turn:
            return await asyncio.to_thread(self._browser.sent_to, "s3", place)

    def everything(self) -> None:
        """Look for nothing any more."""
        self._found, self.left = None, 0

    def nothing_yet(self) -> list[int]:
        """A search begins: nothing was found, and everything is to be looked through."""
        found: list[int] = []
        self._found, self.left = found, self.total
        return found

    async def find(self, wanted: Selection, tell: Callable[[], None]) -> None:
        """Look for events until all was looked through, or until cancelled.

        Args:
            wanted: what for.
            tell: called in this loop whenever rows came in, or some part was looked through.

        Raises:
            TrailUnavailable: a volume cannot be read.
        """
        stretches, loop = self._browser.stretches, asyncio.get_running_loop()
        found = self.nothing_yet()
        stop = threading.Event()

        def take(part: Found) -> None:
            if not stop.is_set():
                found.extend(part.places)
                self.left = part.left
                tell()

        def look_through() -> None:
            for part in search(stretches, wanted):
                if stop.is_set():
                    return
                loop.call_soon_threadsafe(take, part)

        try:
            await asyncio.to_thread(look_through)
        except asyncio.CancelledError:
            stop.set()  # the thread ends with its slice
            raise

    async def find_more(self, wanted: Selection, after: int) -> int:
        """Look among events that came since, from a place on; how many more rows there are now."""
        found = await asyncio.to_thread(_all, self._browser.stretches, wanted, after)
        if self._found is None or not found:
            return 0
        self._found[:0] = found
        return len(found)

    async def close(self) -> None:
        """Let go of the files."""
        async with self._turn:
            await asyncio.to_thread(self._browser.close)


def _all(stretches: tuple[Stretch, ...], wanted: Selection, after: int) -> list[int]:
    return [place for part in search(stretches, wanted, after=after) for place in part.places]
