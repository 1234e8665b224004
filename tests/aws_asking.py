"""What a test asks of an AWS backend, and how it waits for the answer: throttles are waited out, as by the engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

from aws_servers import Server
from killswitch_backends.problems import Problem, Throttled, Unreachable
from killswitch_backends.protocol import (
    Backend,
    Captured,
    Failure,
    LabelKeys,
    Observation,
    Order,
    Preflight,
    Profile,
    Sight,
    Surroundings,
    Watch,
)
from killswitch_inventory.sightings import ListingComplete, SightingFailed, TargetSighting
from killswitch_inventory.targets import TargetId

T = TypeVar("T")


async def watching(*watches: Watch) -> AsyncIterator[Watch]:
    """A stream of watches that ends, as one that goes on may."""
    for watch in watches:
        yield watch


async def seen(backend: Backend, watch: Watch, sight: Sight, *, within: float = 20.0) -> Observation:
    """The first observation of that sight."""
    stream = backend.observe(watching(watch))
    try:
        async with asyncio.timeout(within):
            async for observation in stream:
                if observation.sight is sight:
                    return observation
    finally:
        await stream.aclose()  # type: ignore[attr-defined]
    raise AssertionError("the observation ended")


async def patiently(change: Callable[[], Awaitable[T]], *, within: float = 15.0) -> T:
    """Repeat a change as the engine does, while the platform says "later"."""
    async with asyncio.timeout(within):
        while True:
            try:
                return await change()
            except (Throttled, Unreachable) as later:
                await asyncio.sleep(getattr(later, "retry_after", None) or 0.2)


async def met(server: Server, change: Callable[[], Awaitable[object]], *, within: float = 15.0) -> Problem:
    """The problem a change meets when the simulator's (only) fault strikes; throttles before that are waited out."""
    async with asyncio.timeout(within):
        while True:
            try:
                await change()
            except Problem as problem:
                if server.sim.faults.list()[0]["struck"]:
                    return problem
                await asyncio.sleep(0.2)
            else:
                raise AssertionError("the fault did not strike")


async def found(backend: Backend, *targets: TargetId) -> list[Captured | Failure]:
    """A fresh capture of each, in no order, once the platform does not throttle it."""

    async def once() -> list[Captured | Failure]:
        results = [one async for one in backend.capture(targets, fresh=True)]
        for one in results:
            if isinstance(one, Failure) and isinstance(one.problem, Throttled):
                raise one.problem
        return results

    return await patiently(once)


async def captured(backend: Backend, target: TargetId) -> Captured:
    """One fresh capture that must succeed."""
    (one,) = await found(backend, target)
    if isinstance(one, Failure):
        raise one.problem
    return one


async def planned(backend: Backend, path: str) -> Preflight:
    """The plan of one target, once the platform lets it be read."""
    async with asyncio.timeout(20):
        while True:
            (plan,) = await backend.preflight([TargetId(backend.ref, path)])
            if not any("TooManyRequests" in risk or "Throttling" in risk for risk in plan.risks):
                return plan
            await asyncio.sleep(0.3)


async def halted(backend: Backend, path: str, *, halt_id: str = "halt-1") -> Watch:
    """Capture and halt one target."""
    before = await captured(backend, TargetId(backend.ref, path))
    return Watch(before, await patiently(lambda: backend.halt(before, order(halt_id))))


async def listed(backend: Backend, *, within: float = 20.0) -> dict[str, TargetSighting]:
    """Everything one listing sights, by path."""
    found: dict[str, TargetSighting] = {}
    stream = backend.sight()
    try:
        async with asyncio.timeout(within):
            async for sighting in stream:
                assert not isinstance(sighting, SightingFailed), sighting
                if isinstance(sighting, TargetSighting):
                    found[sighting.target.path] = sighting
                if isinstance(sighting, ListingComplete):
                    return found
    finally:
        await stream.aclose()  # type: ignore[attr-defined]
    raise AssertionError("the stream ended")


async def no_secret(reference: str) -> str:
    raise AssertionError(f"no AWS backend asks for {reference}")


def surroundings() -> Surroundings:
    return Surroundings("test", LabelKeys(), no_secret, lambda: datetime.now(UTC))


def order(halt_id: str = "halt-1", invoker: str = "os:ada") -> Order:
    return Order(halt_id, invoker, "drill", datetime.now(UTC), Profile.IMMEDIATE)


@asynccontextmanager
async def opened(kind: Any, table: dict[str, Any]) -> AsyncIterator[Backend]:
    """A backend on one table."""
    async with kind.open(kind.settings.model_validate(table), surroundings()) as backend:
        yield backend
