"""A whole backend: a switchboard over HTTP with a worker count per agent. Read with ../adding-a-backend.md."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import aiohttp
from pydantic import BaseModel, ConfigDict

from killswitch_backends.problems import Conflict, Gone, Problem, Refused, Unreachable
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
    Surroundings,
    Watch,
)
from killswitch_inventory.agents import Health, How
from killswitch_inventory.sightings import (
    Claim,
    ListingComplete,
    ListingStarted,
    Sighting,
    SightingFailed,
    TargetSighting,
)
from killswitch_inventory.targets import BackendRef, Layer, TargetId


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    url: str


class Switchboard:
    layer, budget = Layer.PROCESS, Budget(calls_per_second=None)

    def __init__(self, ref: BackendRef, url: str, http: aiohttp.ClientSession, now: Any) -> None:
        self.ref, self._url, self._http, self._now = ref, url, http, now

    async def _ask(self, method: str, path: str, **body: Any) -> Any:
        try:
            async with self._http.request(method, f"{self._url}{path}", json=body or None) as answer:
                if answer.status == 404:
                    raise Gone(f"{self.ref}{path}", "there is none of that name")
                if answer.status >= 400:
                    kind = Refused if answer.status < 500 else Unreachable
                    raise kind(f"{self.ref}{path}", f"answered {answer.status}")
                return await answer.json()
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise Unreachable(f"{self.ref}{path}", str(error) or "no answer in time") from error

    async def identity(self) -> Identity:
        return Identity("anybody", account=self._url)

    async def sight(self) -> AsyncIterator[Sighting]:
        while True:
            try:
                agents = await self._ask("GET", "/agents")
                yield ListingStarted(self.ref, self._now())
                for name, agent in agents.items():
                    claim = Claim(How.LABEL, name, agent["class"], agent["tenant"])
                    health = Health.OK if agent["workers"] else Health.IDLE
                    yield TargetSighting(
                        target=TargetId(self.ref, name),
                        layer=self.layer,
                        kind="switch",
                        seen_at=self._now(),
                        claims=(claim,),
                        health=health,
                        concurrency=agent["workers"],
                        off=not agent["workers"],
                    )
                yield ListingComplete(self.ref, self._now())
            except Problem as problem:
                yield SightingFailed(self.ref, self._now(), str(problem))
            await asyncio.sleep(1.0)

    async def preflight(self, targets: Sequence[TargetId]) -> Sequence[Preflight]:
        return [Preflight(target, "take its workers away", api_calls=1) for target in targets]

    async def capture(self, targets: Sequence[TargetId], *, fresh: bool) -> AsyncIterator[Captured | Failure]:
        for target in targets:
            try:
                workers = (await self._ask("GET", f"/agents/{target.path}"))["workers"]
                yield Captured(target, {"workers": workers}, self._now(), running=workers, already_off=not workers)
            except Problem as problem:
                yield Failure(target, problem)

    async def halt(self, captured: Captured, order: Order) -> Accepted:
        await self._ask("PUT", f"/agents/{captured.target.path}", workers=0, why=f"{order.halt_id}: {order.reason}")
        return Accepted(captured.target, self._now(), halted={"workers": 0})

    async def observe(self, watches: AsyncIterable[Watch]) -> AsyncIterator[Observation]:
        found: asyncio.Queue[Observation] = asyncio.Queue()
        async with asyncio.TaskGroup() as group:

            async def collect() -> None:
                async for watch in watches:
                    group.create_task(self._look(watch.target, found))

            group.create_task(collect())
            while True:
                yield await found.get()

    async def _look(self, target: TargetId, found: asyncio.Queue[Observation]) -> None:
        while True:
            at = self._now()  # before the question: the answer is true of no earlier moment
            try:
                running = (await self._ask("GET", f"/agents/{target.path}"))["busy"]
                proof = Evidence(Grade.OBSERVED, "the switchboard counts no busy worker", at)
                sight = Sight.DRAINING if running else Sight.STOPPED
                found.put_nowait(Observation(target, sight, at, None if running else proof, running))
            except Problem as problem:
                found.put_nowait(Observation(target, Sight.UNKNOWN, at, note=str(problem)))
            await asyncio.sleep(0.2)

    async def restore(self, watch: Watch, order: Order) -> Restored:
        path, prior = f"/agents/{watch.target.path}", watch.captured.prior["workers"]
        if (now := (await self._ask("GET", path))["workers"]) not in (0, prior):
            raise Conflict(str(watch.target), [FieldChange("workers", 0, now)])
        await self._ask("PUT", path, workers=prior, why=f"{order.halt_id} restored: {order.reason}")
        read_back = (await self._ask("GET", path))["workers"]
        if read_back != prior:
            raise Unreachable(str(watch.target), f"has {read_back} workers after the restore, not {prior}")
        return Restored(watch.target, self._now(), Evidence(Grade.OBSERVED, f"reads {prior} workers", self._now()))


class Kind:
    kind: ClassVar[str] = "switchboard"
    layer: ClassVar[Layer] = Layer.PROCESS
    settings: ClassVar[type[BaseModel]] = Settings

    @asynccontextmanager
    async def open(self, settings: Settings, surroundings: Surroundings) -> AsyncIterator[Switchboard]:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as http:
            yield Switchboard(BackendRef(self.kind, settings.name), settings.url, http, surroundings.now)


KIND = Kind()
