"""The real LaunchDarkly backend opened on a served face, and helpers to look at what it yields."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

from killswitch_backends.launchdarkly import KIND
from killswitch_backends.problems import Problem
from killswitch_backends.protocol import (
    Accepted,
    Backend,
    Captured,
    LabelKeys,
    Observation,
    Order,
    Surroundings,
    Watch,
)
from killswitch_backends.simulator.launchdarkly import SDK_KEY, TOKEN
from killswitch_inventory.sightings import Sighting
from killswitch_inventory.targets import TargetId
from launchdarkly_simulated import Simulated

SECRETS = {"env:TOKEN": TOKEN, "env:SDK_KEY": SDK_KEY}


def target(flag: str) -> TargetId:
    return TargetId.parse(f"launchdarkly:test/{flag}")


def order(halt_id: str = "H1", *, reason: str = "runaway refunds") -> Order:
    return Order(halt_id, "os:alice", reason, datetime.now(UTC))


@asynccontextmanager
async def opened(simulated: Simulated, secrets: dict[str, str] | None = None, **table: Any) -> AsyncIterator[Backend]:
    """The backend on a served face; ``secrets`` are by reference."""
    known = {**SECRETS, **(secrets or {})}

    async def secret(reference: str) -> str:
        if reference not in known:
            raise Problem("secret", f"{reference} is not set")
        return known[reference]

    settings = KIND.settings(
        **{
            "name": "test",
            "project": "agents",
            "environment": "production",
            "base_uri": simulated.uri,
            "stream_uri": simulated.uri,
            "events_uri": simulated.uri,
            "token": "env:TOKEN",
            "sdk_key": "env:SDK_KEY",
            **table,
        }
    )
    surroundings = Surroundings("production", LabelKeys(), secret, lambda: datetime.now(UTC))
    async with KIND.open(settings, surroundings) as backend:
        yield backend


async def captured(backend: Backend, flag: str) -> Captured:
    """A fresh capture of one flag, which must succeed."""
    [item] = [item async for item in backend.capture([target(flag)], fresh=True)]
    assert isinstance(item, Captured), item
    return item


async def halted(backend: Backend, flag: str, halt_id: str = "H1") -> Watch:
    """Capture and halt one flag."""
    before = await captured(backend, flag)
    return Watch(before, await backend.halt(before, order(halt_id)))


@dataclass
class Reel:
    """Everything a stream has yielded, read by a task of its own."""

    items: list[Any] = field(default_factory=list)

    def of(self, kind: type) -> list[Any]:
        return [item for item in self.items if isinstance(item, kind)]


@asynccontextmanager
async def reeling(stream: AsyncIterator[Any]) -> AsyncIterator[Reel]:
    """Read a stream beside the test; closes it at the end, and raises what it raised."""
    reel = Reel()

    async def read() -> None:
        async with aclosing(cast("AsyncGenerator[Any, None]", stream)) as items:
            async for item in items:
                reel.items.append(item)

    task = asyncio.create_task(read())
    try:
        yield reel
    finally:
        if not task.done():
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if not task.cancelled() and (failure := task.exception()):
            raise failure


async def these(*watches: Watch) -> AsyncIterator[Watch]:
    for watch in watches:
        yield watch


@asynccontextmanager
async def observing(backend: Backend, watches: AsyncIterable[Watch]) -> AsyncIterator[list[Observation]]:
    """Observe beside the test."""
    async with reeling(backend.observe(watches)) as reel:
        yield reel.items


@asynccontextmanager
async def sighting(backend: Backend) -> AsyncIterator[list[Sighting]]:
    """Sight beside the test."""
    async with reeling(backend.sight()) as reel:
        yield reel.items


def last(items: Sequence[Any], matching: Callable[[Any], bool]) -> Any:
    """The latest item that matches, or None."""
    return next((item for item in reversed(items) if matching(item)), None)


def accepted_without_answer(before: Captured) -> Accepted:
    """What an engine knows of a halt whose answer was lost."""
    return Accepted(before.target, datetime.now(UTC))
