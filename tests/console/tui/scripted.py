"""A platform made of memory that keeps the backend protocol honestly, and an engine's settings on top of it.

``World`` may be changed from any thread: what is halted, whether it stops, whether it can be seen.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from killswitch_backends.problems import Conflict, Gone, Problem
from killswitch_backends.protocol import (
    Accepted,
    Backend,
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
    Sight,
    Watch,
)
from killswitch_console.halting.engine import EngineSettings
from killswitch_inventory.agents import Health, How, Instance
from killswitch_inventory.sightings import (
    Claim,
    HaltMark,
    ListingComplete,
    ListingStarted,
    RunsAs,
    Sighting,
    SightingFailed,
    TargetSighting,
)
from killswitch_inventory.targets import BackendRef, Layer, TargetId

POLL = 0.01
"""Seconds between two looks of an observer."""

KUBERNETES = BackendRef("kubernetes", "prod")
IAM = BackendRef("iam", "prod")
LAYERS = {"kubernetes": Layer.PROCESS, "iam": Layer.CREDENTIAL}


def now() -> datetime:
    return datetime.now(UTC)


def deployment(name: str, *, agent_class: str, tenant: str, role: str = "", replicas: int = 2) -> TargetSighting:
    """A Deployment that carries an agent's labels."""
    return TargetSighting(
        target=TargetId(KUBERNETES, f"agents/Deployment/{name}"),
        layer=Layer.PROCESS,
        kind="Deployment",
        seen_at=now(),
        claims=(Claim(How.LABEL, name, agent_class, tenant),),
        runs_as=(RunsAs(role, How.IRSA),) if role else (),
        instances=tuple(Instance(f"{name}-{n}", Health.OK, where="node-a") for n in range(replicas)),
        concurrency=replicas,
        health=Health.OK,
        facts={"replicas": str(replicas)},
    )


def role(name: str) -> TargetSighting:
    """A role that agents may run as."""
    return TargetSighting(
        target=TargetId(IAM, f"role/{name}"),
        layer=Layer.CREDENTIAL,
        kind="role",
        seen_at=now(),
        identity=name,
        health=Health.OK,
    )


@dataclass
class World:
    """What exists, and how it behaves."""

    targets: dict[TargetId, TargetSighting] = field(default_factory=dict)
    stops: threading.Event = field(default_factory=threading.Event)
    """Halted targets are seen stopped while this is set; until then they drain."""
    broken: str = ""
    """Why nothing can be seen, if so."""
    silent: bool = False
    """Whether the platforms never answer a listing."""
    halted: list[tuple[TargetId, datetime]] = field(default_factory=list)
    restored: list[TargetId] = field(default_factory=list)
    _listeners: list[tuple[asyncio.AbstractEventLoop, asyncio.Queue[Sighting]]] = field(default_factory=list)

    def put(self, *seen: TargetSighting) -> None:
        """Have targets exist as they are given, and tell those who look."""
        for one in seen:
            self.targets[one.target] = one
            for loop, queue in self._listeners:
                loop.call_soon_threadsafe(queue.put_nowait, one)

    def listen(self) -> asyncio.Queue[Sighting]:
        queue: asyncio.Queue[Sighting] = asyncio.Queue()
        self._listeners.append((asyncio.get_running_loop(), queue))
        return queue


class ScriptedBackend:
    """One connection to the world."""

    def __init__(self, world: World, ref: BackendRef) -> None:
        self._world, self._ref = world, ref

    @property
    def ref(self) -> BackendRef:
        return self._ref

    @property
    def layer(self) -> Layer:
        return LAYERS[self._ref.kind]

    @property
    def budget(self) -> Budget:
        return Budget(calls_per_second=10.0, burst=5)

    async def identity(self) -> Identity:
        return Identity("scripted")

    async def sight(self) -> AsyncIterator[Sighting]:
        if self._world.broken:
            yield SightingFailed(self._ref, now(), self._world.broken)
            await asyncio.Event().wait()
        if self._world.silent:
            await asyncio.Event().wait()
        changes = self._world.listen()
        yield ListingStarted(self._ref, now())
        for seen in list(self._world.targets.values()):
            if seen.target.backend == self._ref:
                yield seen
        yield ListingComplete(self._ref, now())
        while True:
            change = await changes.get()
            if isinstance(change, TargetSighting) and change.target.backend == self._ref:
                yield change

    async def preflight(self, targets: Sequence[TargetId]) -> Sequence[Preflight]:
        return [Preflight(t, self._action(t), api_calls=1) for t in targets if t in self._world.targets]

    def _action(self, target: TargetId) -> str:
        seen = self._world.targets[target]
        return "deny all" if self.layer is Layer.CREDENTIAL else f"scale {seen.concurrency} -> 0"

    async def capture(self, targets: Sequence[TargetId], *, fresh: bool) -> AsyncIterator[Captured | Failure]:
        for target in targets:
            seen = self._world.targets.get(target)
            if seen is None:
                yield Failure(target, Gone(str(target), "does not exist"))
            else:
                marked = seen.mark.halt_id if seen.mark else None
                yield Captured(target, {"running": seen.concurrency}, now(), seen.concurrency, marked, seen.off)

    async def halt(self, captured: Captured, order: Order) -> Accepted:
        seen = self._world.targets[captured.target]
        self._world.halted.append((captured.target, now()))
        mark = HaltMark(order.halt_id, order.invoker, order.at.isoformat())
        self._world.put(replace(seen, mark=mark, off=True, concurrency=0, instances=(), health=Health.IDLE))
        return Accepted(captured.target, now(), halted={"running": 0})

    async def observe(self, watches: AsyncIterable[Watch]) -> AsyncIterator[Observation]:
        observations: asyncio.Queue[Observation] = asyncio.Queue()

        async def look(watch: Watch) -> None:
            at = now()
            if not self._world.stops.is_set():
                observations.put_nowait(Observation(watch.target, Sight.DRAINING, at, running=1, note="1 still ends"))
            while not self._world.stops.is_set():  # noqa: ASYNC110  (set by other threads)
                await asyncio.sleep(POLL)
            evidence = Evidence(Grade.OBSERVED, "nothing runs", now())
            observations.put_nowait(Observation(watch.target, Sight.STOPPED, now(), evidence, running=0))

        async def take() -> None:
            async with asyncio.TaskGroup() as looks:
                async for watch in watches:
                    looks.create_task(look(watch))

        async with asyncio.TaskGroup() as group:
            taking = group.create_task(take())
            try:
                while True:
                    yield await observations.get()
            finally:
                taking.cancel()

    async def restore(self, watch: Watch, order: Order) -> Restored:
        seen = self._world.targets[watch.target]
        if not seen.off:
            raise Conflict(str(watch.target), [FieldChange("running", 0, seen.concurrency)])
        running = int(watch.captured.prior["running"])
        self._world.restored.append(watch.target)
        self._world.put(replace(seen, mark=None, off=False, concurrency=running, health=Health.OK))
        return Restored(watch.target, now(), Evidence(Grade.OBSERVED, "read back", now()))


def opener(world: World, ref: BackendRef) -> AbstractAsyncContextManager[Backend]:
    @asynccontextmanager
    async def open_it() -> AsyncIterator[Backend]:
        if world.broken.startswith("cannot be opened"):
            raise Problem(str(ref), world.broken)
        yield ScriptedBackend(world, ref)

    return open_it()


def small_world() -> World:
    """Three refund agents of two tenants, one of them not covered; two research agents that share a role."""
    world = World()
    world.stops.set()
    for name in ("refund-1", "refund-2", "research"):
        world.put(role(name))
    world.put(
        deployment("refund-1", agent_class="refund", tenant="acme", role="refund-1"),
        deployment("refund-2", agent_class="refund", tenant="globex", role="refund-2", replicas=3),
        deployment("refund-10", agent_class="refund", tenant="acme"),
        deployment("research-1", agent_class="research", tenant="acme", role="research"),
        deployment("research-2", agent_class="research", tenant="globex", role="research"),
    )
    return world


def settings(world: World, state_dir: Path, environment: str = "production") -> EngineSettings:
    """An engine's settings over a scripted world."""
    return EngineSettings(
        environment=environment,
        state_dir=state_dir,
        openers={ref: (lambda ref=ref: opener(world, ref)) for ref in (KUBERNETES, IAM)},
        layers=LAYERS,
    )
