"""The work queue all controllers share: events become keys, keys are synced one after another, in slices.

A slice ends after a few milliseconds, and while requests change things the next one waits a little: a real controller
manager is another process, which does not slow the API server down, and lags behind it. A pace can slow the writes
down to what its client-side limit allows.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from killswitch_backends.simulator.kubernetes.kinds import Kind
from killswitch_backends.simulator.kubernetes.storage import Event, Store

Key = tuple[str, ...]
_SLICE = 0.002
"""Seconds of work before requests get their turn."""
_REST = 0.01
"""Seconds between two slices while requests change things."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast controllers work: writes per second; None: as fast as they can (the real default is 20)."""

    writes_per_second: float | None = None


class Controller(Protocol):
    """One control loop."""

    @property
    def hears(self) -> Sequence[Kind] | None:
        """Kinds whose events concern it; None: all."""
        ...

    def concerned(self, event: Event) -> Iterable[Key]:
        """The keys that an event makes worth a look. Must not write."""
        ...

    def sync(self, key: Key) -> float | None:
        """Bring one key closer to what is wished for. Returns the seconds after which to look again, if any."""
        ...


class Manager:
    """Runs controllers over one store."""

    def __init__(
        self, store: Store, controllers: Sequence[Controller], pace: Pace, *, requests: Callable[[], int]
    ) -> None:
        """``requests`` tells how many changing requests have been answered so far."""
        self._store, self._controllers, self._pace, self._requests = store, controllers, pace, requests
        self._pending: dict[tuple[Controller, Key], None] = {}
        self._ready = asyncio.Event()
        self._hearing: dict[Kind, list[Controller]] = {}
        store.subscribe(self._hear)

    def add(self, controller: Controller, key: Key) -> None:
        self._pending[controller, key] = None
        self._ready.set()

    def _hear(self, event: Event) -> None:
        kind = event.stored.kind
        hearing = self._hearing.get(kind)
        if hearing is None:
            hearing = [one for one in self._controllers if one.hears is None or kind in one.hears]
            self._hearing[kind] = hearing
        for controller in hearing:
            for key in controller.concerned(event):
                self._pending[controller, key] = None
        if self._pending:
            self._ready.set()

    async def run(self) -> None:
        """Work until cancelled."""
        answered = 0
        while True:
            await self._ready.wait()
            before = self._store.version
            self._work_a_slice()
            pause = self._pause(self._store.version - before)
            if answered != self._requests():
                answered, pause = self._requests(), max(pause, _REST)
            await asyncio.sleep(pause)

    def _work_a_slice(self) -> None:
        slice_ends = time.perf_counter() + _SLICE
        while self._pending:
            work = next(iter(self._pending))
            del self._pending[work]
            controller, key = work
            again = controller.sync(key)
            if again is not None:
                asyncio.get_running_loop().call_later(again, self.add, controller, key)
            if self._pace.writes_per_second or time.perf_counter() > slice_ends:
                return
        self._ready.clear()

    def _pause(self, writes: int) -> float:
        per_second = self._pace.writes_per_second
        return writes / per_second if per_second else 0
