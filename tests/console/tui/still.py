"""A console whose world stands still: a fixed moment, fixed names, a real plan and records made by hand.

For pictures: the same on every machine. The engine behind it answers questions from a real fleet and makes real plans
over the scripted backends; what a halt does is told to the screen as the events that an engine would publish.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar, cast

from console.tui.driving import ALICE, Driven
from console.tui.scripted import IAM, KUBERNETES, LAYERS, deployment, empty_world, role, settings
from killswitch_backends.protocol import Accepted, Captured, Evidence, FieldChange, Grade, Profile
from killswitch_console.authority.invoker import PlatformName
from killswitch_console.halting.acting_as import acting_as
from killswitch_console.halting.engine import Engine, EngineSettings
from killswitch_console.halting.events import EngineEvent, FleetChanged
from killswitch_console.halting.plan import Plan, Protection
from killswitch_console.halting.planning import make_plan
from killswitch_console.halting.progress import TargetProgress, TargetState
from killswitch_console.halting.record import HaltHeader, HaltRecord
from killswitch_console.tui.app import ConsoleApp
from killswitch_console.tui.signing import SignBoard
from killswitch_console.tui.state import ConsoleState
from killswitch_inventory.agents import Health
from killswitch_inventory.fleet import Fleet
from killswitch_inventory.scopes import Scope
from killswitch_inventory.sightings import ListingComplete, SightingFailed, TargetSighting
from scripted_platform import Scripted, World

_T = TypeVar("_T")

NOW = datetime(2026, 11, 22, 3, 4, 5, tzinfo=UTC)
"""Four minutes past three in the morning."""


NAMES = (
    PlatformName(backend="kubernetes:prod", name="oncall@example", account="https://10.0.0.1:6443"),
    PlatformName(
        backend="iam:prod", name="arn:aws:sts::111122223333:assumed-role/killswitch/ada", account="111122223333"
    ),
)
"""Whom the platforms take this console for."""


def still_world() -> World:
    """Twelve agents of four classes, healthy and not, covered and not."""
    world = empty_world(clock=lambda: NOW)
    tenants = ("acme", "globex", "initech")
    for agent_class, number in (("billing", 3), ("outreach", 4), ("refund", 3), ("research", 2)):
        for n in range(1, number + 1):
            name = f"{agent_class}-{n}"
            covered = name not in ("outreach-4", "refund-3")
            if covered:
                world.put(role(name))
            health = {"billing-2": Health.DEGRADED, "outreach-3": Health.FAILING}.get(name, Health.OK)
            seen = deployment(
                name, agent_class=agent_class, tenant=tenants[n % 3], role=name if covered else "", replicas=1 + n % 4
            )
            world.put(replace(seen, health=health))
    return world


@dataclass
class StillEngine:
    """Answers as an engine would that sees this world."""

    fleet: Fleet
    world: World
    kept: Sequence[HaltRecord] = ()
    settings: EngineSettings = field(default_factory=lambda: settings(empty_world(), Path("/nonexistent")))

    async def plan(self, scope: Scope, profile: Profile = Profile.IMMEDIATE) -> Plan:
        plan = await make_plan(
            self.fleet,
            scope,
            profile,
            backends={ref: Scripted(self.world, ref, LAYERS[ref.kind]) for ref in (KUBERNETES, IAM)},
            environment="production",
            protection=Protection(),
            now=NOW,
        )
        return replace(plan, identities=acting_as(plan, NAMES))

    async def records(self) -> list[HaltRecord]:
        return list(self.kept)

    async def record(self, halt_id: str) -> HaltRecord:
        return next(kept for kept in self.kept if kept.header.halt_id == halt_id)


@dataclass
class StillPort:
    """Stands where the engine's thread would."""

    engine: StillEngine
    publish: Callable[[EngineEvent], None]

    def start(self) -> None:
        agents = tuple(self.engine.fleet.agents(Scope.parse("global")))
        self.publish(FleetChanged(agents, (), self.engine.fleet.backends))

    def submit(self, work: Callable[[Engine], Awaitable[_T]], *, name: str) -> Future[_T]:
        del name
        outcome: Future[_T] = Future()

        def run() -> None:
            async def answer() -> _T:
                return await work(cast("Engine", self.engine))

            try:
                outcome.set_result(asyncio.run(answer()))
            except Exception as error:  # noqa: BLE001  (whoever asked is told, as by the engine's thread)
                outcome.set_exception(error)

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        return outcome


def still_fleet(world: World, *, broken: str = "") -> Fleet:
    """What a fleet knows of a world that was listed just now."""
    fleet = Fleet(backends=(KUBERNETES, IAM), layers=LAYERS)
    for target, thing in world.things.items():
        if not (broken and target.backend == IAM):
            fleet.fold(thing.sighting())
    fleet.fold(ListingComplete(KUBERNETES, NOW))
    fleet.fold(SightingFailed(IAM, NOW, broken) if broken else ListingComplete(IAM, NOW))
    return fleet


class StillSigns(SignBoard):
    """Signs that ask nothing: what they would say hangs on more than this world. Their own tests let them ask."""

    async def keep_asking(self, ask: object, told: object) -> None:
        del ask, told


@asynccontextmanager
async def still_console(
    *, size: tuple[int, int], records: Sequence[HaltRecord] = (), world: World | None = None, broken: str = ""
) -> AsyncIterator[Driven]:
    """The console on the still world."""
    world = world or still_world()
    engine = StillEngine(still_fleet(world, broken=broken), world, records)
    app = ConsoleApp(
        ConsoleState("production", ALICE), lambda publish: StillPort(engine, publish), now=lambda: NOW, theme="dark"
    )
    app.signs = StillSigns()
    async with app.run_test(size=size) as pilot:
        driven = Driven(app, pilot, world)
        await driven.until(lambda: bool(driven.state.backends) and driven.state.book.loaded)
        await driven.sees("⏎ Open" if world.things else "q Quit")
        yield driven


# -- records -------------------------------------------------------------------------------------------------------


def record(
    scope: str,
    states: Callable[[TargetSighting], TargetState],
    *,
    begun: timedelta,
    ended: bool,
    restored: bool = False,
    reason: str = "wrong refunds since 02:50",
) -> HaltRecord:
    """A halt of the still world's agents in a scope, each target in the state that ``states`` says."""
    world = still_world()
    fleet = still_fleet(world)
    agents = fleet.agents(Scope.parse(scope))
    bound = sorted({binding.target for agent in agents for binding in agent.bindings})
    at = NOW - begun
    header = HaltHeader(
        halt_id=f"h-{at:%Y%m%d-%H%M%S}-k7qz",
        scope=Scope.parse(scope),
        environment="production",
        profile=Profile.IMMEDIATE,
        reason=reason,
        incident="INC-2041",
        invoker=ALICE,
        invoked_at=at,
        slo_seconds=60.0,
        backend_slo={"kubernetes": 45.0, "iam": 60.0},
        agents=tuple(agent.key for agent in agents),
        untouched=(),
        collateral=(),
        blinded=False,
    )
    of = {target: tuple(a.key for a in agents if target in {b.target for b in a.bindings}) for target in bound}
    listed = [world.things[target].sighting() for target in bound]
    targets = (_progress(seen, states(seen), at) for seen in listed)
    return HaltRecord(
        header,
        tuple(replace(progress, agents=of[progress.target]) for progress in targets),
        ended_at=at + timedelta(seconds=20) if ended else None,
        restored_at=at + timedelta(minutes=9) if restored else None,
    )


def _progress(seen: TargetSighting, state: TargetState, at: datetime) -> TargetProgress:
    """A target in a state, with what an engine would know of it there."""
    one = TargetProgress(
        target=seen.target,
        layer=seen.layer,
        agents=(),
        state=TargetState.PENDING,
        captured=Captured(seen.target, {"replicas": seen.concurrency}, at, seen.concurrency),
        running=seen.concurrency,
    )
    if state is TargetState.PENDING:
        return one
    one = replace(one, requested_at=at, attempts=1, state=TargetState.REQUESTED)
    if state is TargetState.FAILED:
        return replace(one, state=state, attempts=4, error=f"{seen.target}: 403 the admission webhook said no")
    accepted = Accepted(seen.target, at + timedelta(seconds=0.2), bound=at + timedelta(seconds=19))
    one = replace(one, state=TargetState.ACCEPTED, accepted=accepted)
    if state is TargetState.DRAINING:
        return replace(one, state=state, note=f"{seen.concurrency} pods terminating, 11 s of grace left")
    if state is TargetState.STOPPED:
        evidence = Evidence(Grade.OBSERVED, "no pods are left on ready nodes", at + timedelta(seconds=4))
        return replace(one, state=state, evidence=evidence, stopped_at=at + timedelta(seconds=4.2), running=0)
    if state is TargetState.RESTORED:
        return replace(one, state=state, evidence=Evidence(Grade.OBSERVED, "read back", NOW), running=None)
    if state is TargetState.CONFLICT:
        error = f"{seen.target}: changed since the halt: replicas is 5, the halt left 0"
        return replace(one, state=state, error=error, changes=(FieldChange("replicas", 0, 5),))
    return replace(one, state=state)
