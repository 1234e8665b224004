"""What the engine's tests share: an invoker, a small fleet, and one call per act of an engine in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from killswitch_backends.protocol import Profile
from killswitch_console.authority.invoker import Invoker
from killswitch_console.halting.engine import Engine, open_engine
from killswitch_console.halting.events import EngineEvent, HoldChanged
from killswitch_console.halting.progress import TargetState
from killswitch_console.halting.record import HaltRecord
from killswitch_inventory.scopes import Scope
from scripted_platform import World, durable_intent
from virtual_loop import now

E = TypeVar("E")

INVOKER = Invoker(os_user="responder", uid=1000, host="bastion")


def small_fleet(agents: int = 4) -> World:
    """Every agent with a Deployment, a role and a flag of its own."""
    world = World()
    for number in range(agents):
        name = f"a{number}"
        world.add(deployment(name), agents=[name], running=number + 1)
        world.add(role(name), agents=[name])
        world.add(flag(name), agents=[name])
    return world


def deployment(name: str) -> str:
    return f"kubernetes:prod/ns/Deployment/{name}"


def role(name: str) -> str:
    return f"iam:prod/role/{name}"


def flag(name: str) -> str:
    return f"launchdarkly:prod/{name}"


@asynccontextmanager
async def opened(world: World, state_dir: Path, *, checked: bool = True, **more: Any) -> AsyncIterator[Engine]:
    """An engine with a first picture; ``checked``: every change must find its intent in the ledger on disk."""
    if checked:
        world.before_change = durable_intent(world, state_dir)
    async with open_engine(world.settings(state_dir, **more), now=now) as engine:
        await engine.discover()
        yield engine


async def halt(
    engine: Engine, scope: str = "global", *, profile: Profile = Profile.IMMEDIATE, timeout: float | None = None
) -> HaltRecord:
    plan = await engine.plan(Scope.parse(scope), profile)
    return await engine.halt(plan, invoker=INVOKER, reason="test", accept_collateral=True, timeout=timeout)


async def restore(engine: Engine, record: HaltRecord, *, timeout: float | None = None, **more: Any) -> HaltRecord:
    return await engine.restore(record.header.halt_id, invoker=INVOKER, reason="over", timeout=timeout, **more)


def states(record: HaltRecord) -> dict[str, TargetState]:
    return {str(t.target): t.state for t in record.targets}


def assert_honest(world: World, record: HaltRecord) -> None:
    """Whatever is called stopped had nothing running when its evidence was taken, and a grade that proves."""
    for target in record.targets:
        if target.state is TargetState.STOPPED:
            assert target.evidence is not None
            assert target.evidence.grade.proves
            assert world.things[target.target].running(target.evidence.at) == 0, str(target.target)


def of(kind: type[E], events: list[EngineEvent]) -> list[E]:
    return [event for event in events if isinstance(event, kind)]


async def until(condition: Callable[[], bool], within: float = 60.0) -> None:
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110  (virtual time)
            await asyncio.sleep(0.05)


@asynccontextmanager
async def holding(world: World, state_dir: Path, events: list[EngineEvent], **more: object) -> AsyncIterator[Engine]:
    """An engine that holds; every change must find its intent in the ledger on disk."""
    world.before_change = durable_intent(world, state_dir)
    settings = world.settings(state_dir, **more)  # type: ignore[arg-type]
    async with open_engine(settings, events.append, now) as engine:
        await engine.discover()
        task = asyncio.create_task(engine.hold())
        try:
            yield engine
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def is_held(events: list[EngineEvent]) -> bool:
    changes = of(HoldChanged, events)
    return bool(changes) and changes[-1].holding
