"""Keeping the fleet: opening every backend, folding what it sights, each one failing alone and tried again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime

from killswitch_backends.problems import Problem
from killswitch_backends.protocol import Backend
from killswitch_console.halting.board import Publish
from killswitch_console.halting.events import FleetChanged
from killswitch_inventory.agents import AgentKey
from killswitch_inventory.fleet import Fleet, Sightedness
from killswitch_inventory.sightings import Sighting, SightingFailed
from killswitch_inventory.targets import BackendRef

Opener = Callable[[], AbstractAsyncContextManager[Backend]]

PUBLISH_SECONDS = 0.1
"""How long a change of the fleet may wait, so that bursts become one event."""

REOPEN_SECONDS = 5.0


class Sighter:
    """Opens backends and folds their sightings into the fleet, until cancelled."""

    def __init__(
        self, fleet: Fleet, openers: dict[BackendRef, Opener], publish: Publish, now: Callable[[], datetime]
    ) -> None:
        self.fleet = fleet
        self.backends: dict[BackendRef, Backend] = {}
        """The backends that are open now."""
        self._openers = openers
        self._publish = publish
        self._now = now
        self._changed: set[AgentKey] = set()
        self._gone: set[AgentKey] = set()
        self._moved = asyncio.Event()
        self._known = asyncio.Event()

    async def run(self) -> None:
        """Sight every backend and publish what changes."""
        self._note_known()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_publishing(), name="fleet publisher")
            for ref, opener in self._openers.items():
                group.create_task(self._keep_sighting(ref, opener), name=f"sight of {ref}")

    async def known(self, timeout: float) -> None:
        """Wait until each backend has listed whole or failed, ``timeout`` seconds at most."""
        try:
            async with asyncio.timeout(timeout):
                await self._known.wait()
        except TimeoutError:
            for view in self.fleet.blind:
                if view.sightedness in (Sightedness.WAITING, Sightedness.LISTING):
                    self._fold(SightingFailed(view.ref, self._now(), f"no whole listing within {timeout:g} s"))

    async def settled(self) -> None:
        """Wait until each backend has listed whole or failed, however long that takes."""
        await self._known.wait()

    async def _keep_sighting(self, ref: BackendRef, opener: Opener) -> None:
        while True:
            try:
                async with opener() as backend:
                    self.backends[ref] = backend
                    async for sighting in backend.sight():
                        self._fold(sighting)
                self._fold(SightingFailed(ref, self._now(), f"{ref}: it stopped reporting"))
            except Problem as problem:
                self._fold(SightingFailed(ref, self._now(), str(problem)))
            except Exception as defect:  # noqa: BLE001  (one broken backend must not blind the others)
                self._fold(SightingFailed(ref, self._now(), f"{ref}: internal error: {defect!r}"))
            finally:
                self.backends.pop(ref, None)
            await asyncio.sleep(REOPEN_SECONDS)

    def _fold(self, sighting: Sighting) -> None:
        touched = self.fleet.fold(sighting)
        self._changed |= touched.agents
        self._gone = (self._gone | touched.gone) - touched.agents
        self._moved.set()
        self._note_known()

    def _note_known(self) -> None:
        if not any(v.sightedness in (Sightedness.WAITING, Sightedness.LISTING) for v in self.fleet.backends):
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
