"""Keeping the fleet: opening every backend, folding what it sights, each one failing alone and tried again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field
from datetime import datetime

from killswitch_backends.problems import Problem
from killswitch_backends.protocol import Backend, TellsAnswers
from killswitch_console.halting.board import Publish
from killswitch_console.halting.events import FleetChanged
from killswitch_console.halting.last_known import LastKnown
from killswitch_inventory.agents import AgentKey
from killswitch_inventory.fleet import Fleet
from killswitch_inventory.sightedness import Sightedness
from killswitch_inventory.sightings import ListingComplete, Sighting, SightingFailed
from killswitch_inventory.targets import BackendRef

Opener = Callable[[], AbstractAsyncContextManager[Backend]]

PUBLISH_SECONDS = 0.1
"""How long a change of the fleet may wait, so that bursts become one event."""

REOPEN_SECONDS = 5.0

SILENT_SECONDS = 5.0
"""How long a platform may say nothing before an engine goes on with what an earlier session knew of it."""

SILENT_STRANGE_SECONDS = 15.0
"""The same for a platform of which nothing is known: there is nothing to go on with, so more is waited for."""

OWN_SECONDS = 20.0
"""How long this process may be busy with a platform by itself (an SDK to load, a turn to wait for); then it counts."""

LONGEST_SECONDS = 300.0
"""How long one that keeps talking may take for its first whole listing."""

_LOOK_SECONDS = 0.1


@dataclass(slots=True, eq=False)
class _Seat:
    """One way to open one backend, until another takes its place."""

    ref: BackendRef
    opener: Opener
    superseded: asyncio.Event = field(default_factory=asyncio.Event)
    tried: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once it is open, or has failed for the first time."""
    keep: bool = False
    heard_at: float = field(default_factory=lambda: asyncio.get_running_loop().time())
    """When it was last heard of, on the loop's clock; at first: when it was begun with."""


async def _unless(event: asyncio.Event, work: Coroutine[None, None, None]) -> None:
    """Do some work until it ends or the event is set, whichever comes first; what it raises is raised."""
    doing, waiting = asyncio.ensure_future(work), asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait({doing, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            await doing
    finally:
        for task in (doing, waiting):
            task.cancel()
        await asyncio.gather(doing, waiting, return_exceptions=True)


class Sighter:
    """Opens backends and folds their sightings into the fleet, until cancelled."""

    def __init__(
        self,
        fleet: Fleet,
        openers: dict[BackendRef, Opener],
        publish: Publish,
        now: Callable[[], datetime],
        last_known: LastKnown | None = None,
    ) -> None:
        self.fleet = fleet
        self.backends: dict[BackendRef, Backend] = {}
        """The backends that are open now."""
        self._openers = openers
        self._publish = publish
        self._now = now
        self._last_known = last_known
        self._recalled: set[BackendRef] = set()
        self._changed: set[AgentKey] = set()
        self._gone: set[AgentKey] = set()
        self._moved = asyncio.Event()
        self._known = asyncio.Event()
        self._reopening: set[BackendRef] = set()
        self._seats: dict[BackendRef, _Seat] = {}
        self._starts: asyncio.Queue[_Seat] = asyncio.Queue()

    async def run(self) -> None:
        """Sight every backend and publish what changes."""
        self._note_known()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_publishing(), name="fleet publisher")
            for ref, opener in self._openers.items():
                self._seats[ref] = _Seat(ref, opener)
                self._starts.put_nowait(self._seats[ref])
            while True:
                seat = await self._starts.get()
                group.create_task(self._keep_sighting(seat), name=f"sight of {seat.ref}")

    async def reopen(self, openers: Mapping[BackendRef, Opener], *, keep: bool) -> None:
        """Open some backends anew, in another way; returns once they are open, or have failed.

        ``keep``: leave the old connections open until the end, for work under way on them.
        """
        self._reopening |= openers.keys()
        self._known.clear()
        fresh = [_Seat(ref, opener) for ref, opener in openers.items()]
        for seat in fresh:
            if old := self._seats.get(seat.ref):
                old.keep = keep
                old.superseded.set()
            self._seats[seat.ref] = seat
            self._starts.put_nowait(seat)
        for seat in fresh:
            await seat.tried.wait()

    async def known(self, longest: float = LONGEST_SECONDS) -> None:
        """Wait until each backend has listed whole, has failed, or has gone silent; ``longest`` seconds at most.

        Whoever is silent is not waited for: a dead platform must not hold up the halt of the others.
        """
        begun = asyncio.get_running_loop().time()
        while not self._known.is_set():
            waited = asyncio.get_running_loop().time() - begun
            for ref in self._unread():
                if waited > longest:
                    await self._give_up(ref, f"no whole listing within {longest:g} s")
                elif (silence := self._silence(ref)) > self._patience(ref):
                    await self._give_up(ref, f"it has said nothing for {silence:.0f} s")
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._known.wait()

    def _unread(self) -> list[BackendRef]:
        waiting = (Sightedness.WAITING, Sightedness.LISTING)
        return [view.ref for view in self.fleet.backends if view.sightedness in waiting or view.ref in self._reopening]

    def _silence(self, ref: BackendRef) -> float:
        """Seconds for which a platform has owed an answer; where it cannot be told, since it was last heard of."""
        seat, backend = self._seats.get(ref), self.backends.get(ref)
        if seat is None:
            return 0.0
        now = asyncio.get_running_loop().time()
        quiet = now - seat.heard_at
        if backend is not None and isinstance(backend, TellsAnswers):
            owing = backend.unanswered_since
            return max(0.0, quiet - OWN_SECONDS) if owing is None else now - owing
        return quiet

    def _patience(self, ref: BackendRef) -> float:
        known = self._last_known is not None and self._last_known.has(ref)
        return SILENT_SECONDS if known else SILENT_STRANGE_SECONDS

    async def _give_up(self, ref: BackendRef, why: str) -> None:
        await self._recall(ref)
        self._fold(SightingFailed(ref, self._now(), why))

    async def settled(self) -> None:
        """Wait until each backend has listed whole or failed, however long that takes."""
        await self._known.wait()

    async def _keep_sighting(self, seat: _Seat) -> None:
        """Open, sight, and try again, until superseded."""
        while not seat.superseded.is_set():
            try:
                async with seat.opener() as backend:
                    await self._sit(seat, backend)
            except Problem as problem:
                await self._failed(seat, str(problem))
            except Exception as defect:  # noqa: BLE001  (one broken backend must not blind the others)
                await self._failed(seat, f"{seat.ref}: internal error: {defect!r}")
            seat.tried.set()
            await _unless(seat.superseded, asyncio.sleep(REOPEN_SECONDS))

    async def _sit(self, seat: _Seat, backend: Backend) -> None:
        self.backends[seat.ref] = backend
        seat.tried.set()
        try:
            await _unless(seat.superseded, self._take(seat, backend))
            if seat.superseded.is_set() and seat.keep:
                await asyncio.Event().wait()  # until the end: work under way still speaks through it
        finally:
            if self.backends.get(seat.ref) is backend:
                del self.backends[seat.ref]

    async def _take(self, seat: _Seat, backend: Backend) -> None:
        async for sighting in backend.sight():
            seat.heard_at = asyncio.get_running_loop().time()
            if isinstance(sighting, SightingFailed):
                await self._recall(seat.ref)
            self._fold(sighting)
        await self._failed(seat, f"{seat.ref}: it stopped reporting")

    async def _failed(self, seat: _Seat, problem: str) -> None:
        if not seat.superseded.is_set():
            await self._recall(seat.ref)
            self._fold(SightingFailed(seat.ref, self._now(), problem))

    async def _recall(self, ref: BackendRef) -> None:
        """Before a backend that was never listed counts as failed: take in what an earlier session knew of it."""
        if self._last_known is None or ref in self._recalled:
            return
        self._recalled.add(ref)
        view = next(view for view in self.fleet.backends if view.ref == ref)
        if view.as_of is None and (known := await self._last_known.recall(ref)) is not None:
            self.fleet.fold(SightingFailed(ref, self._now(), "it cannot be listed"))  # ends a listing under way
            self._changed |= self.fleet.remember(ref, known.sightings, known.as_of).agents
            self._moved.set()

    def _fold(self, sighting: Sighting) -> None:
        touched = self.fleet.fold(sighting)
        self._changed |= touched.agents
        self._gone |= touched.gone  # in place: both may be as large as the fleet, and this is done for every sighting
        self._gone -= touched.agents
        self._moved.set()
        if isinstance(sighting, ListingComplete | SightingFailed):
            self._reopening.discard(sighting.backend)
        self._note_known()

    def _note_known(self) -> None:
        unread = (Sightedness.WAITING, Sightedness.LISTING)
        if not self._reopening and not any(view.sightedness in unread for view in self.fleet.backends):
            self._known.set()

    async def _keep_publishing(self) -> None:
        while True:
            await self._moved.wait()
            self._moved.clear()
            changed, self._changed = self._changed, set()
            gone, self._gone = self._gone, set()
            agents = tuple(agent for key in changed if (agent := self.fleet.agent(key)))
            self._publish(FleetChanged(agents, tuple(gone), self.fleet.backends))
            await asyncio.sleep(PUBLISH_SECONDS)
