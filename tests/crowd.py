"""A scripted world that can be crowded: 50,000 targets, or a day of virtual time, at what the engine alone costs.

    crowd = Crowd(parallel=32)
    crowd.fill(per_backend=12_500)            # an agent each with a Deployment, a function, a role and a flag
    crowd.revive(target, 3)                   # somebody scales it up again

``scripted_platform.World`` looks at every target twice a second in a task of its own; here one task a backend looks at
what changed. The calls a platform is asked, their latency and their answers are the same.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterable, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from killswitch_backends.problems import Gone
from killswitch_backends.protocol import (
    Accepted,
    Captured,
    Evidence,
    Failure,
    Grade,
    Observation,
    Order,
    Restored,
    Sight,
    Watch,
)
from killswitch_inventory.targets import BackendRef, TargetId
from scripted_platform import LOOK_SECONDS, Scripted, Thing, World
from virtual_loop import now

BACKENDS = ("kubernetes:prod/ns/Deployment", "lambda:prod", "iam:prod/role", "launchdarkly:prod")
"""Where each agent has a target."""

BATCH = 500
"""Targets that a platform reads at once (a page of a list), and that are looked at before others get a turn."""


@dataclass
class Crowd(World):
    latency: float = 0.02
    """Seconds that one call takes."""
    unsettled: defaultdict[BackendRef, dict[TargetId, None]] = field(default_factory=lambda: defaultdict(dict))
    """What changed, for the one who observes."""
    untold: defaultdict[BackendRef, dict[TargetId, None]] = field(default_factory=lambda: defaultdict(dict))
    """What changed, for the one who sights."""

    def fill(self, *, per_backend: int, classes: int = 20, tenants: int = 10, drains: float = 1.0) -> None:
        """So many agents, each with a target on every backend; what runs differs, so that there is an order."""
        for number in range(per_backend):
            name = f"a{number:05}"
            for where in BACKENDS:
                self.add(
                    f"{where}/{name}",
                    agents=[name],
                    agent_class=f"class-{number % classes}",
                    tenant=f"tenant-{number % tenants}",
                    running=1 + number % 7,
                    drains=drains,
                )

    def add(self, target: str, **more: Any) -> Thing:
        thing = super().add(target, **more)
        self.touch(thing.target)
        return thing

    def touch(self, target: TargetId) -> None:
        """It is not as it was."""
        self.unsettled[target.backend][target] = self.untold[target.backend][target] = None

    def revive(self, target: TargetId, replicas: int) -> None:
        """Somebody who is not the console scales it up."""
        self.things[target].set(replicas)
        self.touch(target)

    def forget(self) -> None:
        """Let go of what only a test would ask about the past, so that this world does not grow."""
        self.log.clear()
        self.asked.clear()
        for thing in self.things.values():
            thing.history = thing.history[-2:]

    async def meet(self, operation: str, where: str, *, applied: Callable[[], object] | None = None) -> None:
        if self.faults[operation, where]:
            await super().meet(operation, where, applied=applied)
        else:
            del self.faults[operation, where]  # looking made an empty list
            await asyncio.sleep(self.latency)

    def _opener(self, ref: BackendRef) -> Any:
        @asynccontextmanager
        async def opened() -> AsyncIterator[Station]:
            await self.meet("open", str(ref))
            yield Station(self, ref)

        return opened


class Station(Scripted):
    """One open connection to a crowd."""

    world: Crowd

    def _things(self) -> list[Thing]:
        """What may have changed since it was told. What still drains is looked at again."""
        untold = self.world.untold[self.ref]
        things = [self.world.things[target] for target in untold]
        for thing in things:
            if thing.running() == thing.replicas:
                del untold[thing.target]
        return [thing for thing in things if not thing.gone]

    async def sight(self) -> AsyncIterator[Any]:
        self.world.untold[self.ref] = {t: None for t in self.world.things if t.backend == self.ref}
        async for sighting in super().sight():
            yield sighting

    async def capture(self, targets: Sequence[TargetId], *, fresh: bool) -> AsyncIterator[Captured | Failure]:
        for start in range(0, len(targets), BATCH):
            await self.world.meet("capture", str(self.ref))
            for target in targets[start : start + BATCH]:
                thing = self.world.things[target]
                if thing.gone:
                    yield Failure(target, Gone(str(target), "not found"))
                    continue
                mark = thing.mark
                yield Captured(
                    target,
                    dict(mark.prior if mark else thing.fields),
                    now(),
                    running=thing.running(),
                    marked_by=mark.halt_id if mark else None,
                    already_off=thing.replicas == 0,
                )

    def _apply(self, captured: Captured, order: Order) -> None:
        super()._apply(captured, order)
        self.world.touch(captured.target)

    async def halt(self, captured: Captured, order: Order) -> Accepted:
        self.world.asked.append((asyncio.get_running_loop().time(), "halt", captured.target))
        await self.world.meet("halt", str(captured.target), applied=lambda: self._apply(captured, order))
        self._apply(captured, order)
        return Accepted(captured.target, now(), halted={"replicas": 0})

    def _put_back(self, watch: Watch, order: Order) -> Restored:
        restored = super()._put_back(watch, order)
        self.world.touch(watch.target)
        return restored

    async def observe(self, watches: AsyncIterable[Watch]) -> AsyncIterator[Observation]:
        await self.world.meet("observe", str(self.ref))
        watched: dict[TargetId, Watch] = {}
        last: dict[TargetId, Sight] = {}

        async def take() -> None:
            async for watch in watches:
                watched[watch.target] = watch
                last.pop(watch.target, None)
                self.world.unsettled[self.ref][watch.target] = None

        async with asyncio.TaskGroup() as group:
            group.create_task(take())
            while True:
                for number, target in enumerate([t for t in self.world.unsettled[self.ref] if t in watched]):
                    if number % BATCH == BATCH - 1:
                        await asyncio.sleep(0)
                    observation = self._sight_of(watched[target])
                    if observation.sight is Sight.STOPPED:
                        del self.world.unsettled[self.ref][target]
                    if observation.sight is not last.get(target):
                        last[target] = observation.sight
                        yield observation
                await asyncio.sleep(LOOK_SECONDS)

    def _sight_of(self, watch: Watch) -> Observation:
        thing = self.world.things[watch.target]
        running, mark = thing.running(), thing.mark
        announced = mark.told if mark and mark.restorer else None
        seen = Observation(watch.target, Sight.DRAINING, now(), running=running, announced=announced)
        if thing.replicas and not thing.gone:
            return replace(seen, sight=Sight.ACTING, note="somebody scaled it up")
        if running:
            return seen
        return replace(seen, sight=Sight.STOPPED, evidence=Evidence(Grade.OBSERVED, "0 running", now()), running=0)
