"""Looking at what was halted: what changed, and what still drains again and again, until the stream is closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from typing import TYPE_CHECKING

from killswitch_backends.problems import Problem
from killswitch_backends.protocol import Evidence, Grade, Observation, Sight, Watch
from killswitch_inventory.sightings import HaltMark
from killswitch_inventory.targets import BackendRef, TargetId
from scripted_platform.changes import Changes
from scripted_platform.things import Thing

if TYPE_CHECKING:
    from scripted_platform.world import World

TURN = 500
"""Targets that are looked at before others get a turn."""


class Looking:
    """One stream of observations: a target is told of when what is seen of it changes."""

    def __init__(self, world: World, ref: BackendRef) -> None:
        self._world, self._ref = world, ref
        self._watched: set[TargetId] = set()
        self._last: dict[TargetId, Sight] = {}
        self._announced: dict[TargetId, HaltMark | None] = {}
        self._seen: asyncio.Queue[Observation] = asyncio.Queue()

    async def at(self, watches: AsyncIterable[Watch]) -> AsyncIterator[Observation]:
        with self._world.watched(self._ref) as changes:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._take(watches, changes))
                group.create_task(self._look_on(changes, group))
                while True:
                    yield await self._seen.get()

    async def _take(self, watches: AsyncIterable[Watch], changes: Changes) -> None:
        async for watch in watches:
            self._watched.add(watch.target)
            self._last.pop(watch.target, None)
            self._announced.pop(watch.target, None)
            changes.again([watch.target])

    async def _look_on(self, changes: Changes, group: asyncio.TaskGroup) -> None:
        while True:
            targets = await changes.gathered(self._world.look_seconds)
            for number, target in enumerate(t for t in targets if t in self._watched):
                if self._world.faults.get(("look", str(target))):
                    group.create_task(self._fail_to_look(target, changes))  # and delay no other
                else:
                    self._look(target, changes)
                if number % TURN == TURN - 1:
                    await asyncio.sleep(0)

    async def _fail_to_look(self, target: TargetId, changes: Changes) -> None:
        try:
            await self._world.meet("look", str(target))
        except Problem as problem:
            self._tell(Observation(target, Sight.UNKNOWN, self._world.clock(), note=str(problem)))
            changes.again([target])
        else:  # it was only slow
            self._look(target, changes)

    def _look(self, target: TargetId, changes: Changes) -> None:
        thing = self._world.things[target]
        if thing.mark:
            self._announced[target] = thing.mark.told if thing.mark.restorer else None
        observation = self._observation(thing)
        self._tell(observation)
        if observation.sight is Sight.DRAINING:
            changes.again([target])

    def _observation(self, thing: Thing) -> Observation:
        now = self._world.clock()
        running, announced = thing.running(now), self._announced.get(thing.target)
        if thing.replicas and not thing.gone:
            sight, note = Sight.ACTING, "somebody scaled it up"
        elif running:
            sight, note = Sight.DRAINING, f"{running} still ends" if running == 1 else f"{running} still end"
        else:
            evidence = Evidence(Grade.OBSERVED, "nothing runs", now)
            return Observation(thing.target, Sight.STOPPED, now, evidence, 0, announced=announced)
        return Observation(thing.target, sight, now, running=running, note=note, announced=announced)

    def _tell(self, observation: Observation) -> None:
        if observation.sight is not self._last.get(observation.target):
            self._last[observation.target] = observation.sight
            self._seen.put_nowait(observation)
