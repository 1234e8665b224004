"""One open connection to the scripted platform. What it tells is true; what it tells when is ``world.py``'s to say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from killswitch_backends.problems import Changed, Conflict, Gone, Problem
from killswitch_backends.protocol import (
    Accepted,
    Budget,
    Captured,
    Evidence,
    Failure,
    FieldChange,
    Grade,
    Identity,
    Observation,
    Order,
    Preflight,
    Restored,
    Watch,
)
from killswitch_backends.restores import RestoredElsewhere, told_of
from killswitch_inventory.sightings import (
    HaltMark,
    ListingComplete,
    ListingStarted,
    Sighting,
    SightingFailed,
    TargetSighting,
)
from killswitch_inventory.targets import BackendRef, Layer, TargetId
from scripted_platform.looking import Looking
from scripted_platform.things import Mark, Thing

if TYPE_CHECKING:
    from scripted_platform.world import World

PAGE = 500
"""Targets that the platform reads in one call."""

Told = dict[TargetId, tuple[object, ...]]


class Scripted:
    """Implements ``protocol.Backend``, with announcements."""

    announces = True

    def __init__(self, world: World, ref: BackendRef, layer: Layer) -> None:
        self.world, self._ref, self._layer = world, ref, layer

    @property
    def ref(self) -> BackendRef:
        return self._ref

    @property
    def layer(self) -> Layer:
        return self._layer

    @property
    def budget(self) -> Budget:
        return self.world.budget

    async def identity(self) -> Identity:
        return Identity("scripted")

    async def sight(self) -> AsyncIterator[Sighting]:
        closed = self.world.closed[str(self.ref)]
        told: Told = {}
        with self.world.watched(self.ref) as changes:
            yield ListingStarted(self.ref, self.world.clock())
            try:
                await self.world.meet("sight", str(self.ref))
            except Problem as problem:
                yield SightingFailed(self.ref, self.world.clock(), str(problem))
                await asyncio.Event().wait()
            for thing in self.world.of(self.ref):
                await asyncio.sleep(self.world.trickle)
                for seen in _news([thing], told):
                    yield seen
            yield ListingComplete(self.ref, self.world.clock())
            while self.world.closed[str(self.ref)] == closed:
                things = [self.world.things[target] for target in await changes.gathered(self.world.sight_seconds)]
                for seen in _news(things, told):
                    yield seen
                changes.again([thing.target for thing in things if thing.running() != thing.replicas])

    async def preflight(self, targets: Sequence[TargetId]) -> Sequence[Preflight]:
        await self.world.meet("preflight", str(self.ref))
        things = [self.world.things[target] for target in targets]
        return [Preflight(t.target, t.action, 1, unsupported=t.unsupported, lockout=t.lockout) for t in things]

    async def capture(self, targets: Sequence[TargetId], *, fresh: bool) -> AsyncIterator[Captured | Failure]:
        due = iter(targets)
        while page := list(islice(due, PAGE)):
            await asyncio.sleep(self.world.latency)
            for target in page:
                try:
                    if self.world.faults.get(("capture", str(target))):
                        await self.world.meet("capture", str(target))
                    yield self._captured(self.world.things[target])
                except Problem as problem:
                    yield Failure(target, problem)

    def _captured(self, thing: Thing) -> Captured:
        if thing.gone:
            raise Gone(str(thing.target), "not found")
        return Captured(
            thing.target,
            dict(thing.mark.prior if thing.mark else thing.fields),
            self.world.clock(),
            running=thing.concurrency,
            marked_by=thing.mark.halt_id if thing.mark else None,
            already_off=thing.replicas == 0,
        )

    async def halt(self, captured: Captured, order: Order) -> Accepted:
        self._note(self.world.asked, "halt", captured.target)
        await self.world.meet("halt", str(captured.target), applied=lambda: self._apply(captured, order))
        self._apply(captured, order)
        return Accepted(captured.target, self.world.clock(), halted={"replicas": 0})

    def _apply(self, captured: Captured, order: Order) -> None:
        thing = self.world.things[captured.target]
        if thing.gone:
            raise Gone(str(captured.target), "not found")
        if thing.mark is None and thing.fields != dict(captured.prior):
            raise Changed(str(captured.target), "is not what was captured")
        self.world.before_change(captured.target, order)
        prior = thing.mark.prior if thing.mark else captured.before
        thing.carry(Mark(order.halt_id, dict(prior), order.invoker, order.at.isoformat()))
        if thing.replicas:
            self._note(self.world.log, "halt", captured.target)
            thing.set(0)

    async def observe(self, watches: AsyncIterable[Watch]) -> AsyncIterator[Observation]:
        await self.world.meet("observe", str(self.ref))
        async for observation in Looking(self.world, self.ref).at(watches):
            yield observation

    def notice_seconds(self, targets: int) -> float:
        return 2 * self.world.look_seconds

    async def announce(self, watch: Watch, order: Order) -> None:
        await self.world.meet("announce", str(watch.target))
        thing = self.world.things[watch.target]
        if thing.mark is None:
            raise Changed(str(watch.target), "carries no mark")
        thing.announce(order.invoker, order.at)

    async def withdraw(self, watch: Watch, order: Order) -> None:
        await self.world.meet("withdraw", str(watch.target))
        thing = self.world.things[watch.target]
        if thing.mark is not None:
            thing.announce("", order.at)

    async def elsewhere(self, watch: Watch, order: Order, announced: HaltMark | None) -> RestoredElsewhere | None:
        await self.world.meet("elsewhere", str(watch.target))
        thing, prior = self.world.things[watch.target], dict(watch.captured.prior)
        differences = [FieldChange(n, prior[n], v) for n, v in thing.fields.items() if prior[n] != v]
        return told_of(announced, thing.mark.told if thing.mark else None, self.world.clock(), differences)

    async def restore(self, watch: Watch, order: Order) -> Restored:
        self._note(self.world.asked, "restore", watch.target)
        await self.world.meet("restore", str(watch.target), applied=lambda: self._put_back(watch, order))
        return self._put_back(watch, order)

    def _put_back(self, watch: Watch, order: Order) -> Restored:
        thing, prior = self.world.things[watch.target], watch.captured.prior["replicas"]
        if thing.gone:
            raise Gone(str(watch.target), "not found")
        changes = []
        if thing.mark is not None and thing.mark.halt_id != order.halt_id:
            changes.append(FieldChange("mark", order.halt_id, thing.mark.halt_id))
        if thing.replicas not in (0, prior):
            changes.append(FieldChange("replicas", 0, thing.replicas))
        if changes:
            raise Conflict(str(watch.target), changes)
        thing.carry(None)
        if thing.replicas != prior:
            self._note(self.world.log, "restore", watch.target)
            thing.set(prior)
        now = self.world.clock()
        return Restored(watch.target, now, Evidence(Grade.OBSERVED, "read back", now))

    def _note(self, where: list[tuple[float, str, TargetId]], operation: str, target: TargetId) -> None:
        where.append((asyncio.get_running_loop().time(), operation, target))


def _news(things: Sequence[Thing], told: Told) -> Iterator[TargetSighting]:
    """What is not as it was told before."""
    for thing in things:
        is_now = (thing.replicas, thing.running(), thing.mark and thing.mark.halt_id)
        if not thing.gone and told.get(thing.target) != is_now:
            told[thing.target] = is_now
            yield thing.sighting()
