"""A log of what was asked of the simulated platforms, so that tests can see which calls were made, and when.

It keeps neither headers nor bodies: nothing secret can be in it.
"""

from __future__ import annotations

import itertools
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TypedDict

from aiohttp import web

from killswitch_backends.simulator.clock import Clock, rfc3339

KEPT = 20_000
"""How many of the latest requests are remembered one by one; counts are kept for all."""

UNNAMED = "unknown"
"""The operation of a request that no face recognised."""


class RequestView(TypedDict):
    """One request, as ``GET /_simulator/requests`` shows it."""

    number: int
    operation: str
    method: str
    path: str
    at: str
    status: int | None
    """None while the answer is still being given, as on a watch, and for a connection that was dropped."""
    seconds: float | None
    applied: bool
    """Whether the face said that a change was made."""
    fault: str | None
    """The kind of the fault that struck it last."""


@dataclass(slots=True)
class Entry:
    """One request while, and after, it is served."""

    number: int
    request: web.Request | None
    method: str
    path: str
    at: float
    operation: str = UNNAMED
    status: int | None = None
    seconds: float | None = None
    applied: bool = False
    fault: str | None = None

    def view(self) -> RequestView:
        return {
            "number": self.number,
            "operation": self.operation,
            "method": self.method,
            "path": self.path,
            "at": rfc3339(self.at),
            "status": self.status,
            "seconds": None if self.seconds is None else round(self.seconds, 6),
            "applied": self.applied,
            "fault": self.fault,
        }


def matches(operation: str, pattern: str) -> bool:
    """Whether an fnmatch pattern means an operation; ``kubernetes.patch`` also means ``kubernetes.patch.pods``."""
    return fnmatchcase(operation, pattern) or fnmatchcase(operation, f"{pattern}.*")


_serving: ContextVar[Entry | None] = ContextVar("the request being served", default=None)


@dataclass(slots=True)
class RequestLog:
    """The requests of one simulator."""

    clock: Clock
    counts: Counter[str] = field(default_factory=Counter)
    entries: deque[Entry] = field(default_factory=lambda: deque(maxlen=KEPT))
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @contextmanager
    def serving(self, request: web.Request) -> Iterator[Entry]:
        """Record one request while it is served; the caller sets the status that was answered."""
        started = self.clock.elapsed()
        entry = Entry(next(self._numbers), request, request.method, request.path_qs, self.clock.now())
        token = _serving.set(entry)
        try:
            yield entry
        finally:
            _serving.reset(token)
            entry.seconds = self.clock.elapsed() - started
            entry.request = None
            if entry.operation == UNNAMED:
                self._keep(entry, UNNAMED)

    def struck(self, operation: str, *, applied: bool) -> Entry:
        """The request being served has reached its handler (or was applied): name and count it."""
        entry = _serving.get() or Entry(next(self._numbers), None, "", "", self.clock.now())
        if entry.operation == UNNAMED:
            self._keep(entry, operation)
        entry.applied = entry.applied or applied
        return entry

    def matching(self, pattern: str = "*") -> list[RequestView]:
        """The remembered requests whose operation matches a pattern, oldest first."""
        return [entry.view() for entry in list(self.entries) if matches(entry.operation, pattern)]

    def clear(self) -> None:
        """Forget everything seen so far."""
        self.counts.clear()
        self.entries.clear()

    def _keep(self, entry: Entry, operation: str) -> None:
        entry.operation = operation
        self.counts[operation] += 1
        self.entries.append(entry)
