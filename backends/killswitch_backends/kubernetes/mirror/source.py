"""One list-and-watch: everything of one resource, then its changes, through drops, silences and expired versions."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from killswitch_backends.kubernetes.api import Api, backoff
from killswitch_backends.kubernetes.failures import Expired, Unreadable, problem_of_event
from killswitch_backends.kubernetes.garbage import uncollected
from killswitch_backends.kubernetes.listing import Query, pages, told
from killswitch_backends.kubernetes.records import mapping, text
from killswitch_backends.kubernetes.resources import Resource
from killswitch_backends.kubernetes.shapes import Broken, broken, place_told
from killswitch_backends.problems import Gone, Problem, Refused, Unreachable

SILENCE = 90.0
"""Seconds without a byte after which a watch counts as dead: bookmarks come about once a minute."""
_WATCH_SECONDS = 300
_TOLERATED = 1
"""Broken watches in a row before anybody is told: one is everyday life (a server's rolling update)."""


class Sink(Protocol):
    """Where a source's objects go. Keys are the sink's own; ``put`` answers the key of what it was given."""

    def put(self, item: Mapping[str, Any]) -> tuple[str, str]: ...

    def drop(self, item: Mapping[str, Any]) -> None: ...

    def keep_only(self, namespace: str | None, keys: set[tuple[str, str]]) -> None:
        """A whole listing of a namespace (None: of all) is over: what is not among ``keys`` exists no more."""
        ...


@dataclass(slots=True)
class Source:
    """One list-and-watch and how it is doing."""

    api: Api
    resource: Resource
    query: Query
    sink: Sink
    changed: Callable[[], None]
    """Called whenever ``listed``, ``live`` or ``problem`` changes."""
    optional: bool = False
    """Without the right to it, the rest is still worth having."""
    listed: bool = False
    live: bool = False
    problem: Problem | None = None
    broken: Mapping[tuple[str, str], Broken] = field(default_factory=dict)
    """Objects that cannot be read, by place: what is known of them is from before."""
    task: asyncio.Task[None] | None = None
    """Runs it."""
    _moved: bool = False
    """Whether the watch has told of anything since the last list."""

    @property
    def unreadable(self) -> Problem | None:
        """The objects that cannot be read, if there are any."""
        return Unreadable(self.api.where, told(self.resource, list(self.broken.values()))) if self.broken else None

    @property
    def ready(self) -> bool:
        """Whether all is there that can be had: without the right to it, or where it is served no more, nothing."""
        return (self.listed and self.live) or (self.optional and isinstance(self.problem, Refused | Gone))

    async def run(self) -> None:
        """List and watch for ever; failures are kept in ``problem`` and tried again with back-off."""
        failures = 0
        while True:
            try:
                version = await self._list()
                await self._watch(version)
            except Expired:
                failures = 1 if self._moved else failures + 1
                await asyncio.sleep(backoff(failures, most=30.0))  # one that forgets at once is not asked without pause
            except Problem as problem:
                failures += 1
                self._failed(problem)
                await asyncio.sleep(backoff(failures, getattr(problem, "retry_after", None), most=30.0))

    async def _list(self) -> str:
        keys: set[tuple[str, str]] = set()
        spoilt: list[Broken] = []
        version, self._moved = "", False
        async for page in pages(self.api, self.resource, self.query):
            version = page.version
            with uncollected():
                keys |= {self.sink.put(item) for item in page.items}
                page.items.clear()
            spoilt += page.broken
        places = {one.place for one in spoilt}
        if None not in places:  # else it is not known what is missing, so nothing is taken for gone
            self.sink.keep_only(self.query.namespace, keys | {place for place in places if place})
        self._tell_broken({one.place or ("", one.why): one for one in spoilt})
        self.listed = True
        self._well()
        return version

    async def _watch(self, version: str) -> None:
        """Follow changes from a version on, resuming where a stream ended. Raises ``Expired`` to be listed anew."""
        failures = 0
        while True:
            before = version
            try:
                async for reached in self._stream(before):
                    version, failures = reached, 0
                    self._well()
            except Unreadable as problem:  # the same bytes would come again: a list goes past them
                raise Expired(self.api.where, problem.what) from None
            except Unreachable as problem:
                failures += 1
                if failures > _TOLERATED:
                    self._failed(problem)
                await asyncio.sleep(backoff(failures))
            else:
                if version == before:  # a server that closes at once must not be asked without a pause
                    await asyncio.sleep(backoff(1))

    async def _stream(self, version: str) -> Any:
        """Yield the version reached after each event, first of all the one the stream was opened at."""
        parameters = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(_WATCH_SECONDS + random.randrange(60)),  # noqa: S311 - spreads reconnects
        }
        if self.query.selector:
            parameters["labelSelector"] = self.query.selector
        async with self.api.stream(self.resource.path(self.query.namespace), parameters, silence=SILENCE) as events:
            yield version
            async for event in events:
                version = self._take(mapping(event)) or version
                yield version

    def _take(self, event: Mapping[str, Any]) -> str:
        item = mapping(event.get("object"))
        version = text(mapping(item.get("metadata")).get("resourceVersion"))
        match event.get("type"):
            case "ADDED" | "MODIFIED" | "DELETED" as change:
                self._change(change, item)
                self._moved = True
            case "ERROR":
                raise problem_of_event(self.api.where, item)
            case "BOOKMARK" if version:
                self._moved = True  # it brings nothing but its version
            case _:
                raise Unreadable(self.api.where, "the watch sent an event of no known type")
        return version

    def _change(self, change: str, item: Mapping[str, Any]) -> None:
        """Hand on what changed; an object that cannot be read stays as it was known, and is told."""
        found = broken(item, namespace=self.query.namespace, builtin=self.resource.builtin)
        if found:
            if found.place is None:
                raise Unreadable(self.api.where, f"the watch sent {found}")
            self._tell_broken({**self.broken, found.place: found})
            return
        place = self.sink.put(item) if change != "DELETED" else place_told(item)
        if change == "DELETED":
            self.sink.drop(item)
        if place in self.broken:
            self._tell_broken({key: one for key, one in self.broken.items() if key != place})

    def _tell_broken(self, found: Mapping[tuple[str, str], Broken]) -> None:
        if found != self.broken:
            self.broken = found
            self.changed()

    def _well(self) -> None:
        if not self.live or self.problem is not None:
            self.live, self.problem = True, None
            self.changed()

    def _failed(self, problem: Problem) -> None:
        self.live, self.problem = False, problem
        self.changed()
