"""Watches: a stream of changes from a version on, filtered by selectors, with bookmarks and 410 for a lost past.

Writers only append to each watch's queue; the stream encodes, once for all watches, what it drains in one go.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from aiohttp import web

from killswitch_backends.simulator.kubernetes.answers import Shape, metadata_object, wanted_shape
from killswitch_backends.simulator.kubernetes.failures import ApiFailure, bad_request, expired, version_too_large
from killswitch_backends.simulator.kubernetes.objects import Stored, dumps, typed
from killswitch_backends.simulator.kubernetes.requests import Call, flag, number
from killswitch_backends.simulator.kubernetes.selectors import Matches, matcher
from killswitch_backends.simulator.kubernetes.storage import Change, Event, Store, event_line
from killswitch_backends.simulator.kubernetes.tables import table
from killswitch_backends.simulator.seams import Faults

LONGEST = 1800.0
"""Seconds a watch lasts that asks for no limit."""
BATCH = 500
_GLANCE = 0.5
"""Seconds between two looks at whether the client of a quiet watch is still there (aiohttp does not tell)."""
BACKLOG = 100_000
"""Events a slow reader may fall behind before its watch is ended, as the real server's cache does."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What one watch asked for."""

    call: Call
    matches: Matches | None
    shape: Shape
    include: str
    bookmarks: bool
    initial_events: bool
    seconds: float
    version: int | None
    """Resume after this version; None or 0: start with all that exists."""

    @property
    def plain(self) -> bool:
        return self.matches is None and self.shape is Shape.OBJECT and not self.call.namespace

    def wants(self, stored: Stored) -> bool:
        if self.call.namespace and stored.namespace != self.call.namespace:
            return False
        return self.matches is None or self.matches(stored)

    def line(self, change: str, stored: Stored) -> bytes:
        """One event in the shape that was asked for."""
        if self.shape is Shape.TABLE:
            return event_line(change, dumps(table(stored.kind, [stored], stored.meta, self.include)))
        if self.shape is Shape.METADATA:
            return event_line(change, dumps(metadata_object(stored)))
        return event_line(change, stored.document())


def read_wish(call: Call, request: web.Request) -> Wish:
    """Read a watch's query. Raises an ``ApiFailure`` 400 for what cannot be asked."""
    query = request.query
    fields = query.get("fieldSelector", "")
    if call.name:
        fields = f"metadata.name={call.name}"
    initial = flag(request, "sendInitialEvents")
    if initial and query.get("resourceVersionMatch") != "NotOlderThan":
        raise bad_request("sendInitialEvents requires setting resourceVersionMatch to NotOlderThan")
    return Wish(
        call=call,
        matches=matcher(query.get("labelSelector", ""), fields, call.kind),
        shape=wanted_shape(request),
        include=query.get("includeObject", "Metadata"),
        bookmarks=flag(request, "allowWatchBookmarks"),
        initial_events=initial,
        seconds=float(number(request, "timeoutSeconds") or LONGEST),
        version=number(request, "resourceVersion"),
    )


class Watcher:
    """One open watch: subscribed to a kind, it sees every event once, in order, from its version on."""

    def __init__(self, store: Store, wish: Wish) -> None:
        self._store, self.wish = store, wish
        self._table = store.table(wish.call.kind)
        self._queue: deque[Event] = deque()
        self._waiting = asyncio.Event()
        self.version = store.version
        self._started: list[bytes] = []
        if wish.version and not wish.initial_events:
            if wish.version > store.version:
                raise version_too_large(wish.version, store.version)
            self._queue.extend(self._table.since(wish.version))
            self.version = wish.version
            self._waiting.set()
        else:
            self._started = self._initial_lines()
        self._table.subscribers.append(self._hear)

    def close(self) -> None:
        if self._hear in self._table.subscribers:
            self._table.subscribers.remove(self._hear)

    def _hear(self, event: Event) -> None:
        self._queue.append(event)
        self._waiting.set()

    def _initial_lines(self) -> list[bytes]:
        found = sorted((stored for stored in self._table if self.wish.wants(stored)), key=lambda stored: stored.key)
        lines = [self.wish.line(Change.ADDED, stored) for stored in found]
        if self.wish.initial_events and self.wish.bookmarks:
            lines.append(self.bookmark({"k8s.io/initial-events-end": "true"}))
        return lines

    def bookmark(self, annotations: dict[str, str] | None = None) -> bytes:
        """A BOOKMARK: all events up to this version have been sent."""
        meta = {"resourceVersion": str(self.version), "creationTimestamp": None}
        if annotations:
            meta["annotations"] = annotations  # type: ignore[assignment] # one of its members is an object
        return event_line("BOOKMARK", dumps(typed(self.wish.call.kind, {"metadata": meta})))

    async def next_lines(self, patience: float) -> bytes:
        """What is to be sent next, waiting up to ``patience`` seconds; empty when nothing came.

        Raises:
            ApiFailure: 410 when the reader has fallen too far behind.
        """
        if self._started:
            lines, self._started = self._started[:BATCH], self._started[BATCH:]
            return b"".join(lines)
        try:
            async with asyncio.timeout(patience):
                await self._waiting.wait()
        except TimeoutError:
            self.version = self._store.version if not self._queue else self.version
            return b""
        if len(self._queue) > BACKLOG:
            raise expired("the watch fell too far behind")
        return b"".join(self._drained())

    def _drained(self) -> Iterable[bytes]:
        queue, plain = self._queue, self.wish.plain
        for _ in range(min(BATCH, len(queue))):
            event = queue.popleft()
            self.version = event.version
            if plain:
                yield event.line()
            elif line := self._filtered(event):
                yield line
        if not queue:
            self._waiting.clear()

    def _filtered(self, event: Event) -> bytes | None:
        """The event as this watch sees it: leaving the selection is a deletion, entering it an addition."""
        stored, previous = event.stored, event.previous
        now = event.change is not Change.DELETED and self.wish.wants(stored)
        before = previous is not None and self.wish.wants(previous)
        if now:
            return self.wish.line(Change.MODIFIED if before else Change.ADDED, stored)
        if not before or previous is None:
            return None
        meta = {**previous.meta, "resourceVersion": str(event.version)}
        return self.wish.line(Change.DELETED, Stored(stored.kind, {**previous.value, "metadata": meta}, event.version))


async def answer_watch(
    store: Store, call: Call, request: web.Request, *, faults: Faults, bookmark_every: float
) -> web.StreamResponse:
    """Stream changes until the time asked for is over, the client goes or a fault cuts the stream."""
    wish = read_wish(call, request)
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.enable_chunked_encoding()
    try:
        watcher = Watcher(store, wish)
    except ApiFailure as failure:
        if failure.code != 410:
            raise
        await response.prepare(request)
        await response.write(event_line("ERROR", dumps(failure.status())))
        return response
    try:
        await response.prepare(request)
        await _stream(watcher, request, response, faults, bookmark_every)
    finally:
        watcher.close()
    return response


async def _stream(
    watcher: Watcher, request: web.Request, response: web.StreamResponse, faults: Faults, bookmark_every: float
) -> None:
    loop = asyncio.get_running_loop()
    wish = watcher.wish
    end, bookmark_at = loop.time() + wish.seconds, loop.time() + bookmark_every
    there = True
    while there and (now := loop.time()) < end and request.transport is not None:
        try:
            lines = await watcher.next_lines(min(end - now, bookmark_at - now, _GLANCE))
        except ApiFailure as failure:
            await _send(response, event_line("ERROR", dumps(failure.status())))
            return
        if lines:
            if await faults.strike(wish.call.operation, applied=True) is not None:
                return
            there = await _send(response, lines)
        if loop.time() >= bookmark_at:
            bookmark_at = loop.time() + bookmark_every
            there = there and (not wish.bookmarks or await _send(response, watcher.bookmark()))
    if there and wish.bookmarks:
        await _send(response, watcher.bookmark())


async def _send(response: web.StreamResponse, lines: bytes) -> bool:
    """Write to the client; False when it has gone, which is how most watches end."""
    try:
        await response.write(lines)
    except ConnectionResetError:
        return False
    return True
