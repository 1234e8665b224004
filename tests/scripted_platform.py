"""A platform in memory that tells the truth and fails on command, behind the backend protocol.

    world = World()
    world.add("kubernetes:prod/a/Deployment/one", agents=["one"], running=3, drains=2.0)
    world.strike("halt", "kubernetes:prod/a/Deployment/one", Fault.UNREACHABLE_AFTER)
    settings = world.settings(tmp_path)       # EngineSettings for open_engine(settings, publish, now)

A target is one number (``replicas``) and a mark. What runs follows it after ``drains`` seconds; ``history`` keeps when
how much ran, so that a test can ask what was true at the moment a proof claims. Times are the running loop's.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections import defaultdict
from collections.abc import AsyncIterable, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Any

from killswitch_backends.problems import (
    Blocked,
    Changed,
    Conflict,
    Gone,
    Problem,
    Refused,
    Throttled,
    Unreachable,
    Unsupported,
)
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
    Sight,
    Watch,
)
from killswitch_backends.restores import RestoredElsewhere, told_of
from killswitch_console.halting.engine import EngineSettings
from killswitch_inventory.agents import Health, How
from killswitch_inventory.sightings import (
    Claim,
    HaltMark,
    ListingComplete,
    ListingStarted,
    Sighting,
    SightingFailed,
    TargetSighting,
)
from killswitch_inventory.targets import BackendRef, Layer, TargetId
from virtual_loop import now

LAYERS = {
    "kubernetes": Layer.PROCESS,
    "lambda": Layer.PROCESS,
    "iam": Layer.CREDENTIAL,
    "launchdarkly": Layer.CAPABILITY,
}

LOOK_SECONDS = 0.5

SIGHT_SECONDS = 1.0


class Fault(Enum):
    THROTTLED = "throttled"
    UNREACHABLE_BEFORE = "unreachable before it was applied"
    UNREACHABLE_AFTER = "unreachable after it was applied"
    CHANGED = "somebody changed it"
    GONE = "somebody deleted it"
    BLOCKED = "blocked"
    REFUSED = "refused"
    UNSUPPORTED = "unsupported"
    HANG = "hang"
    SLOW = "slow"
    INTERNAL = "internal error"


@dataclass(slots=True)
class Mark:
    halt_id: str
    prior: dict[str, Any]
    invoker: str = ""
    at: str = ""
    restorer: str = ""
    restore_at: str = ""

    @property
    def told(self) -> HaltMark:
        return HaltMark(self.halt_id, self.invoker, self.at, self.restorer, self.restore_at)


@dataclass(slots=True)
class Thing:
    """One resource: ``replicas`` is what is asked for, ``running`` what really runs."""

    target: TargetId
    layer: Layer
    claims: tuple[Claim, ...]
    replicas: int
    drains: float
    mark: Mark | None = None
    gone: bool = False
    lockout: str | None = None
    unsupported: str | None = None
    note: str = ""
    history: list[tuple[datetime | None, int]] = field(default_factory=list)
    stops_at: datetime | None = None

    @property
    def fields(self) -> dict[str, Any]:
        return {"replicas": self.replicas, "note": self.note}

    def running(self, at: datetime | None = None) -> int:
        """What ran at a moment (now, if none is given)."""
        moment = at or now()
        count = 0
        for since, number in self.history:
            if since is None or since <= moment:
                count = number
        return count

    def set_up_off(self) -> None:
        """Let it have been at zero all along."""
        self.replicas, self.history = 0, [(None, 0)]

    def set(self, replicas: int) -> None:
        """Ask for so many from now on; fewer take ``drains`` seconds."""
        running = self.running()
        self.history = [(since, n) for since, n in self.history if since is None or since <= now()]
        self.replicas = replicas
        after = timedelta(seconds=self.drains if replicas < running else 0.0)
        self.history.append((now() + after, replicas))


@dataclass
class World:
    things: dict[TargetId, Thing] = field(default_factory=dict)
    faults: defaultdict[tuple[str, str], list[Fault]] = field(default_factory=lambda: defaultdict(list))
    """By operation and target id (or backend, for ``open``, ``sight`` and ``observe``); taken from the front."""
    log: list[tuple[float, str, TargetId]] = field(default_factory=list)
    """Every change that reached the platform: the loop's time, ``halt`` or ``restore``, the target."""
    asked: list[tuple[float, str, TargetId]] = field(default_factory=list)
    before_change: Callable[[TargetId, Order], None] = lambda target, order: None
    parallel: int = 4
    trickle: float = 0.0
    """Seconds between two targets of a first listing."""
    closed: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))

    def add(
        self,
        target: str,
        *,
        agents: Sequence[str] = (),
        agent_class: str | None = "refund",
        tenant: str | None = "acme",
        running: int = 1,
        drains: float = 1.0,
        **more: Any,
    ) -> Thing:
        target_id = TargetId.parse(target)
        claims = tuple(Claim(How.LABEL, name, agent_class, tenant) for name in agents)
        thing = Thing(target_id, LAYERS[target_id.backend.kind], claims, running, drains, **more)
        thing.history.append((None, running))
        self.things[target_id] = thing
        return thing

    def strike(self, operation: str, where: str, *faults: Fault) -> None:
        """Let the next calls of an operation fail, one fault each."""
        self.faults[operation, where] += faults

    def close(self, backend: str) -> None:
        """End every connection to a backend: its sight stream stops, and it must be opened anew."""
        self.closed[backend] += 1

    def state(self) -> dict[str, tuple[int, bool, Mark | None]]:
        """All that a restore must bring back."""
        return {str(t): (thing.replicas, thing.gone, thing.mark) for t, thing in self.things.items()}

    def settings(self, state_dir: Path, **more: Any) -> EngineSettings:
        refs = sorted({target.backend for target in self.things})
        return EngineSettings(
            environment="test",
            state_dir=state_dir,
            openers={ref: self._opener(ref) for ref in refs},
            layers=LAYERS,
            **more,
        )

    def _opener(self, ref: BackendRef) -> Any:
        @asynccontextmanager
        async def opened() -> AsyncIterator[Scripted]:
            await self.meet("open", str(ref))
            yield Scripted(self, ref)

        return opened

    async def meet(self, operation: str, where: str, *, applied: Callable[[], object] | None = None) -> None:
        """Suffer the next fault of an operation, if there is one."""
        faults = self.faults[operation, where]
        fault = faults.pop(0) if faults else None
        match fault:
            case None:
                await asyncio.sleep(0.02)
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
            case Fault.CHANGED | Fault.GONE:
                thing = self.things[TargetId.parse(where)]
                if fault is Fault.GONE:
                    thing.gone = True
                    thing.set(0)
                    raise Gone(where, "not found")
                thing.set(thing.replicas + 1)
            case _:
                raise _PROBLEMS[fault](where)


_PROBLEMS: dict[Fault, Callable[[str], Problem]] = {
    Fault.THROTTLED: lambda where: Throttled(where, "429", retry_after=0.7),
    Fault.UNREACHABLE_BEFORE: lambda where: Unreachable(where, "connection refused"),
    Fault.BLOCKED: lambda where: Blocked(where, "an approval is needed"),
    Fault.REFUSED: lambda where: Refused(where, "forbidden"),
    Fault.UNSUPPORTED: lambda where: Unsupported(where, "no mechanism"),
}


class Scripted:
    """One open connection to the world. Implements ``protocol.Backend``."""

    def __init__(self, world: World, ref: BackendRef) -> None:
        self.world, self.ref = world, ref
        self.layer = LAYERS[ref.kind]

    @property
    def budget(self) -> Budget:
        return Budget(None, parallel=self.world.parallel)

    async def identity(self) -> Identity:
        return Identity("tester")

    async def sight(self) -> AsyncIterator[Sighting]:
        yield ListingStarted(self.ref, now())
        try:
            await self.world.meet("sight", str(self.ref))
        except Problem as problem:
            yield SightingFailed(self.ref, now(), str(problem))
            await asyncio.Event().wait()
        told: dict[TargetId, tuple[object, ...]] = {}
        for sighting in self._news(told):
            await asyncio.sleep(self.world.trickle)
            yield sighting
        yield ListingComplete(self.ref, now())
        closed = self.world.closed[str(self.ref)]
        while self.world.closed[str(self.ref)] == closed:
            await asyncio.sleep(SIGHT_SECONDS)
            for sighting in self._news(told):
                yield sighting

    def _news(self, told: dict[TargetId, tuple[object, ...]]) -> list[TargetSighting]:
        """What is not as it was told before."""
        news = []
        for thing in self._things():
            is_now = (thing.replicas, thing.running(), thing.mark and thing.mark.halt_id, thing.claims)
            if told.get(thing.target) != is_now:
                told[thing.target] = is_now
                news.append(self._sighting(thing))
        return news

    def _sighting(self, thing: Thing) -> TargetSighting:
        mark = thing.mark.told if thing.mark else None
        return TargetSighting(
            target=thing.target,
            layer=thing.layer,
            kind="thing",
            seen_at=now(),
            claims=thing.claims,
            concurrency=thing.running(),
            health=Health.OK,
            off=thing.replicas == 0,
            mark=mark,
        )

    def _things(self) -> list[Thing]:
        return [t for t in self.world.things.values() if t.target.backend == self.ref and not t.gone]

    async def preflight(self, targets: Sequence[TargetId]) -> Sequence[Preflight]:
        await self.world.meet("preflight", str(self.ref))
        things = [self.world.things[target] for target in targets]
        return [
            Preflight(t.target, f"scale {t.replicas} -> 0", 1, unsupported=t.unsupported, lockout=t.lockout)
            for t in things
        ]

    async def capture(self, targets: Sequence[TargetId], *, fresh: bool) -> AsyncIterator[Captured | Failure]:
        for target in targets:
            try:
                await self.world.meet("capture", str(target))
            except Problem as problem:
                yield Failure(target, problem)
                continue
            thing = self.world.things[target]
            if thing.gone:
                yield Failure(target, Gone(str(target), "not found"))
                continue
            prior = thing.mark.prior if thing.mark else thing.fields
            yield Captured(
                target,
                dict(prior),
                now(),
                running=thing.running(),
                marked_by=thing.mark.halt_id if thing.mark else None,
                already_off=thing.replicas == 0,
            )

    async def halt(self, captured: Captured, order: Order) -> Accepted:
        target = captured.target
        self.world.asked.append((asyncio.get_running_loop().time(), "halt", target))
        await self.world.meet("halt", str(target), applied=lambda: self._apply(captured, order))
        self._apply(captured, order)
        return Accepted(target, now(), halted={"replicas": 0})

    def _apply(self, captured: Captured, order: Order) -> None:
        thing = self.world.things[captured.target]
        if thing.gone:
            raise Gone(str(captured.target), "not found")
        if thing.mark is None and thing.fields != dict(captured.prior):
            raise Changed(str(captured.target), "is not what was captured")
        self.world.before_change(captured.target, order)
        prior = thing.mark.prior if thing.mark else captured.before
        thing.mark = Mark(order.halt_id, dict(prior), order.invoker, order.at.isoformat())
        if thing.replicas:
            self.world.log.append((asyncio.get_running_loop().time(), "halt", captured.target))
            thing.set(0)

    async def observe(self, watches: AsyncIterable[Watch]) -> AsyncIterator[Observation]:
        await self.world.meet("observe", str(self.ref))
        seen: asyncio.Queue[Observation] = asyncio.Queue()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._take(watches, seen, group))
            while True:
                yield await seen.get()

    async def _take(
        self, watches: AsyncIterable[Watch], seen: asyncio.Queue[Observation], group: asyncio.TaskGroup
    ) -> None:
        looking: dict[TargetId, asyncio.Task[None]] = {}
        async for watch in watches:
            if before := looking.get(watch.target):
                before.cancel()
            looking[watch.target] = group.create_task(self._look_on(watch, seen))

    async def _look_on(self, watch: Watch, seen: asyncio.Queue[Observation]) -> None:
        last: Sight | None = None
        announced: HaltMark | None = None
        while True:
            observation = await self._look(watch)
            if mark := self.world.things[watch.target].mark:
                announced = mark.told if mark.restorer else None
            if observation.sight is not last:
                last = observation.sight
                seen.put_nowait(replace(observation, announced=announced))
            await asyncio.sleep(LOOK_SECONDS)

    async def _look(self, watch: Watch) -> Observation:
        thing = self.world.things[watch.target]
        try:
            await self.world.meet("look", str(watch.target))
        except Problem as problem:
            return Observation(watch.target, Sight.UNKNOWN, now(), note=str(problem))
        running = thing.running()
        if thing.replicas and not thing.gone:
            return Observation(watch.target, Sight.ACTING, now(), running=running, note="somebody scaled it up")
        if running:
            return Observation(watch.target, Sight.DRAINING, now(), running=running)
        return Observation(watch.target, Sight.STOPPED, now(), Evidence(Grade.OBSERVED, "0 running", now()), 0)

    announces = True

    def notice_seconds(self, targets: int) -> float:
        return 2 * LOOK_SECONDS

    async def announce(self, watch: Watch, order: Order) -> None:
        await self.world.meet("announce", str(watch.target))
        mark = self.world.things[watch.target].mark
        if mark is None:
            raise Changed(str(watch.target), "carries no mark")
        mark.restorer, mark.restore_at = order.invoker, order.at.isoformat()

    async def withdraw(self, watch: Watch, order: Order) -> None:
        await self.world.meet("withdraw", str(watch.target))
        if (mark := self.world.things[watch.target].mark) is not None:
            mark.restorer = mark.restore_at = ""

    async def elsewhere(self, watch: Watch, order: Order, announced: HaltMark | None) -> RestoredElsewhere | None:
        await self.world.meet("elsewhere", str(watch.target))
        thing, prior = self.world.things[watch.target], dict(watch.captured.prior)
        differences = [FieldChange(n, prior[n], v) for n, v in thing.fields.items() if prior[n] != v]
        return told_of(announced, thing.mark.told if thing.mark else None, now(), differences)

    async def restore(self, watch: Watch, order: Order) -> Restored:
        self.world.asked.append((asyncio.get_running_loop().time(), "restore", watch.target))
        await self.world.meet("restore", str(watch.target), applied=lambda: self._put_back(watch, order))
        return self._put_back(watch, order)

    def _put_back(self, watch: Watch, order: Order) -> Restored:
        thing = self.world.things[watch.target]
        prior = dict(watch.captured.prior)
        if thing.gone:
            raise Gone(str(watch.target), "not found")
        changes = []
        if thing.mark is not None and thing.mark.halt_id != order.halt_id:
            changes.append(FieldChange("mark", order.halt_id, thing.mark.halt_id))
        allowed = (0, prior["replicas"])
        if thing.replicas not in allowed:
            changes.append(FieldChange("replicas", 0, thing.replicas))
        if changes:
            raise Conflict(str(watch.target), changes)
        if thing.replicas != prior["replicas"]:
            self.world.log.append((asyncio.get_running_loop().time(), "restore", watch.target))
            thing.set(prior["replicas"])
        thing.mark = None
        return Restored(watch.target, now(), Evidence(Grade.OBSERVED, "read back", now()))


def durable_intent(state_dir: Path) -> Callable[[TargetId, Order], None]:
    """A check for ``World.before_change``: the ledger on disk, read by itself, knows what is being done."""

    def check(target: TargetId, order: Order) -> None:
        with sqlite3.connect(f"file:{state_dir / 'ledger.sqlite3'}?mode=ro", uri=True, timeout=2) as connection:
            halts = connection.execute("SELECT header FROM halt WHERE halt_id = ?", [order.halt_id]).fetchall()
            rows = connection.execute(
                "SELECT progress FROM target WHERE halt_id = ? AND target = ?", [order.halt_id, str(target)]
            ).fetchall()
        connection.close()
        assert halts, f"{order.halt_id} is not in the ledger"
        assert rows, f"{target} is not in the ledger"
        assert json.loads(rows[0][0])["captured"]["prior"], f"{target} has no prior state in the ledger"

    return check
