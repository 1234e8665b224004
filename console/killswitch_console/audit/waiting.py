"""What waits to be written to the trail: urgent events, for which somebody waits, before notes, which may gather."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from killswitch_console.audit.events import Draft
from killswitch_console.audit.ladder import Rung
from killswitch_console.audit.session import Moment

BATCH: Final = 2000
NOTE_SECONDS: Final = 1.0
"""How long what nobody waits for may stay in memory, so that it is written together."""


@dataclass(slots=True, eq=False)
class Entry:
    """An event on its way into the trail. It happened at its moment; it is made into a draft when it is written."""

    moment: Moment
    make: Callable[[], Draft]
    done: asyncio.Future[None]
    rung: Rung | None = None
    required: bool = False
    """It is put in now or never: what it tells of does not happen otherwise."""
    _draft: Draft | None = None

    @property
    def draft(self) -> Draft:
        """The event as the trail takes it."""
        if self._draft is None:
            self._draft = self.make()
        return self._draft


def give_up(entries: Iterable[Entry]) -> None:
    """Tell those who required their events that these are not in the trail."""
    for entry in entries:
        if entry.required:
            entry.done.cancel()


class Waiting:
    """The entries that wait, in one loop."""

    def __init__(self) -> None:
        self._urgent: deque[Entry] = deque()
        self._queue: deque[Entry] = deque()
        self.some = asyncio.Event()
        """Something came."""
        self._hurry = asyncio.Event()
        """Somebody waits for what is queued, or there is a batch of it."""

    def __len__(self) -> int:
        return len(self._urgent) + len(self._queue)

    def __iter__(self) -> Iterator[Entry]:
        return iter((*self._urgent, *self._queue))

    @property
    def required(self) -> list[Entry]:
        """Those that are put in now or never, and that somebody still waits for."""
        return [entry for entry in self._urgent if entry.required and not entry.done.done()]

    def put(self, entry: Entry, *, urgent: bool, at_once: bool) -> None:
        """Add one; ``at_once``: what has gathered is written with it, though nobody waits."""
        (self._urgent if urgent else self._queue).append(entry)
        self.some.set()
        if urgent or at_once or len(self._queue) >= BATCH:
            self._hurry.set()

    def put_back(self, entries: Iterable[Entry]) -> None:
        """These were taken and are not written: they come first again."""
        self._urgent.extendleft(reversed(list(entries)))

    def take(self) -> list[Entry]:
        """A batch, the oldest first, urgent ones in any case."""
        self._hurry.clear()
        entries: list[Entry] = []
        for queue in (self._urgent, self._queue):
            while queue and len(entries) < BATCH:
                if not (entry := queue.popleft()).done.cancelled():
                    entries.append(entry)
        return sorted(entries, key=lambda entry: entry.moment.mono_ns)

    def take_what_may_fall(self) -> list[Entry]:
        """A batch without what is required: that stays for the next try, or is given up with this one."""
        entries = self.take()
        self.put_back(entry for entry in entries if entry.required)
        return [entry for entry in entries if not entry.required]

    async def linger(self) -> None:
        """Let notes gather: while a halt is sending its requests, each transaction would hold it up."""
        if self._urgent:
            await asyncio.sleep(0)  # what is recorded in the same breath (a halt and its first intents) goes together
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(NOTE_SECONDS):
                await self._hurry.wait()
