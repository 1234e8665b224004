"""The smallest platform there can be: it answers every request alike, after asking the faults."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from killswitch_backends.simulator.acting import World
from killswitch_backends.simulator.clock import Clock
from killswitch_backends.simulator.seams import AgentSpec, Face, Faults
from killswitch_backends.simulator.server import FaceMaker


@dataclass
class SmallFace:
    """``/small/OPERATION`` passes the faults as OPERATION, counts an application, and answers 200."""

    faults: Faults
    prefix: str = "/small"
    operation: str | None = None
    """The operation of every request, whatever its path."""
    applied: int = 0
    running: bool = False
    seeded: list[AgentSpec] = field(default_factory=list)

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "", self.handle)  # boto3 posts to the bare endpoint
        app.router.add_route("*", "/{operation:.*}", self.handle)
        return app

    def seed(self, agents: Sequence[AgentSpec]) -> None:
        self.seeded = list(agents)

    async def run(self) -> None:
        self.running = True
        try:
            await asyncio.Event().wait()
        finally:
            self.running = False

    async def handle(self, request: web.Request) -> web.StreamResponse:
        operation = self.operation or request.match_info.get("operation", "")
        if (answer := await self.faults.strike(operation)) is not None:
            return answer
        self.applied += 1
        if (answer := await self.faults.strike(operation, applied=True)) is not None:
            return answer
        return web.json_response({"applied": self.applied})

    def allows(self, identity: str) -> bool:
        return True

    def evaluate(self, flag: str) -> tuple[bool, int]:
        return True, 1


def small_faces(**fields: Any) -> FaceMaker:
    """What ``Simulator(faces=...)`` takes: one small platform, which also answers for credentials and flags."""

    def make(*, world: World, faults: Faults, clock: Clock, seed: int) -> Sequence[Face]:
        face = SmallFace(faults, **fields)
        world.connect(credentials=face, capability=face)
        return (face,)

    return make
