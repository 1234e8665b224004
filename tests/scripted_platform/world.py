"""The world behind the scripted platform: what exists, what is going to go wrong, and what reached it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import virtual_loop
from killswitch_backends.problems import Gone, Unreachable
from killswitch_backends.protocol import Backend, Budget, Order
from killswitch_console.halting.engine import EngineSettings
from killswitch_inventory.agents import Health, How
from killswitch_inventory.sightings import Claim, TargetSighting
from killswitch_inventory.targets import BackendRef, Layer, TargetId
from scripted_platform.backend import Scripted
from scripted_platform.changes import Changes
from scripted_platform.faults import PROBLEMS, Fault
from scripted_platform.things import Clock, Mark, Thing

LAYERS = {
    "kubernetes": Layer.PROCESS,
    "lambda": Layer.PROCESS,
    "iam": Layer.CREDENTIAL,
    "launchdarkly": Layer.CAPABILITY,
}

FOR_EVER = 1e8
"""Seconds: three years."""


@dataclass
class World:
    """Things may be put, changed and ended from any thread, once they are watched."""

    things: dict[TargetId, Thing] = field(default_factory=dict)
    faults: defaultdict[tuple[str, str], list[Fault]] = field(default_factory=lambda: defaultdict(list))
    """By operation and target id (or backend, for ``open``, ``sight``, ``preflight`` and ``observe``); taken from the
    front."""
    log: list[tuple[float, str, TargetId]] = field(default_factory=list)
    """Every change that reached the platform: the loop's time, ``halt`` or ``restore``, the target."""
    asked: list[tuple[float, str, TargetId]] = field(default_factory=list)
    before_change: Callable[[TargetId, Order], None] = lambda target, order: None
    clock: Clock = virtual_loop.now
    backends: tuple[BackendRef, ...] = ()
    """Those that are there without having anything."""
    budget: Budget = field(default_factory=lambda: Budget(None, parallel=4))
    latency: float = 0.02
    """Seconds that one call takes."""
    trickle: float = 0.0
    """Seconds between two targets of a first listing."""
    sight_seconds: float = 1.0
    """Until a change is told to those who sight."""
    look_seconds: float = 0.5
    """Between two looks of one who observes: at what changed, and at what still drains."""
    closed: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    _watching: defaultdict[BackendRef, list[Changes]] = field(default_factory=lambda: defaultdict(list))

    def add(
        self,
        target: str,
        *,
        agents: Sequence[str] = (),
        agent_class: str | None = "refund",
        tenant: str | None = "acme",
        running: int = 1,
        drains: float = 1.0,
    ) -> Thing:
        target_id = TargetId.parse(target)
        seen = TargetSighting(
            target=target_id,
            layer=LAYERS[target_id.backend.kind],
            kind="thing",
            seen_at=virtual_loop.START,
            claims=tuple(Claim(How.LABEL, name, agent_class, tenant) for name in agents),
            health=Health.OK,
        )
        return self._keep(Thing(seen, running, drains, self.clock, self.touch))

    def put(self, *seen: TargetSighting) -> None:
        """Have things exist as they are listed; halted, they are gone at once."""
        for one in seen:
            self._keep(Thing(one, one.concurrency or 1, 0.0, self.clock, self.touch))

    def _keep(self, thing: Thing) -> Thing:
        self.things[thing.target] = thing
        self.touch(thing.target)
        return thing

    def thing(self, target: str) -> Thing:
        """One by its target's id."""
        return self.things[TargetId.parse(target)]

    def touch(self, target: TargetId) -> None:
        """It is not as it was."""
        self._wake(target.backend, target)

    def _wake(self, ref: BackendRef, *targets: TargetId) -> None:
        for changes in tuple(self._watching[ref]):
            changes.tell(*targets)

    def drain_on(self) -> None:
        """Whatever is halted from now on drains and does not end."""
        for thing in self.things.values():
            thing.drains = FOR_EVER

    def end_draining(self) -> None:
        """Whatever drains is gone now, and whatever is halted from now on at once."""
        for thing in self.things.values():
            thing.end()

    def strike(self, operation: str, where: str, *faults: Fault) -> None:
        """Let the next calls of an operation fail, one fault each."""
        self.faults[operation, where] += faults
        if operation == "look":
            self.touch(TargetId.parse(where))

    def close(self, backend: str) -> None:
        """End every connection to a backend: its sight stream stops, and it must be opened anew."""
        self.closed[backend] += 1
        for ref in self._watching:
            if str(ref) == backend:
                self._wake(ref)

    @contextmanager
    def watched(self, ref: BackendRef) -> Iterator[Changes]:
        """What changes on a backend from now on."""
        changes = Changes()
        self._watching[ref].append(changes)
        try:
            yield changes
        finally:
            self._watching[ref].remove(changes)

    def of(self, ref: BackendRef) -> list[Thing]:
        """What there is on a backend."""
        return [thing for target, thing in list(self.things.items()) if target.backend == ref and not thing.gone]

    @property
    def halted(self) -> list[TargetId]:
        """Each halt that was asked for, in that order."""
        return [target for _, operation, target in self.asked if operation == "halt"]

    @property
    def restored(self) -> list[TargetId]:
        """Each restore that was asked for, in that order."""
        return [target for _, operation, target in self.asked if operation == "restore"]

    def state(self) -> dict[str, tuple[int, bool, Mark | None]]:
        """All that a restore must bring back."""
        return {str(t): (thing.replicas, thing.gone, thing.mark) for t, thing in self.things.items()}

    def settings(self, state_dir: Path, *, environment: str = "test", **more: Any) -> EngineSettings:
        refs = dict.fromkeys([*self.backends, *sorted({target.backend for target in self.things})])
        return EngineSettings(
            environment=environment,
            state_dir=state_dir,
            openers={ref: (lambda ref=ref: self.opened(ref)) for ref in refs},
            **({"layers": LAYERS} | more),
        )

    def opened(self, ref: BackendRef) -> AbstractAsyncContextManager[Backend]:
        """A connection to one backend."""

        @asynccontextmanager
        async def connection() -> AsyncIterator[Backend]:
            await self.meet("open", str(ref))
            yield Scripted(self, ref, LAYERS[ref.kind])

        return connection()

    async def meet(self, operation: str, where: str, *, applied: Callable[[], object] | None = None) -> None:
        """Suffer the next fault of an operation, if there is one."""
        faults = self.faults.get((operation, where))
        if not faults:
            await asyncio.sleep(self.latency)
            return
        match faults.pop(0):
            case Fault.SLOW:
                await asyncio.sleep(3.0)
            case Fault.HANG:
                await asyncio.Event().wait()
            case Fault.UNREACHABLE_AFTER:
                if applied:
                    applied()
                raise Unreachable(where, "connection reset")
            case Fault.INTERNAL:
                raise ZeroDivisionError("a defect of the backend")
            case Fault.CHANGED:
                thing = self.thing(where)
                thing.set(thing.replicas + 1)
            case Fault.GONE:
                thing = self.thing(where)
                thing.gone = True
                thing.set(0)
                raise Gone(where, "not found")
            case fault:
                raise PROBLEMS[fault](where)
