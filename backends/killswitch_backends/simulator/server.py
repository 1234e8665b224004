"""The simulator as one aiohttp server: three platforms and the control interface on one loopback port.

It binds 127.0.0.1 and nothing else, and answers nobody who is not on this machine: what it serves has no real
authentication, and a drill must be able to trust that it talks to the simulator alone.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

from aiohttp import web
from aiohttp.typedefs import Handler

from killswitch_backends.agent_reports import board
from killswitch_backends.simulator.acting import World
from killswitch_backends.simulator.clock import Clock, SystemClock
from killswitch_backends.simulator.control import PREFIX, Control
from killswitch_backends.simulator.faces import make_faces
from killswitch_backends.simulator.faults import FaultRules
from killswitch_backends.simulator.fleet import dice
from killswitch_backends.simulator.requests import RequestLog
from killswitch_backends.simulator.seams import BOARD, BOARD_TOKEN, AgentSpec, Face, Faults

HOST = "127.0.0.1"
_BACKLOG = 1024
_LARGEST_BODY = 8 * 2**20
_GOODBYE = 0.5
"""Seconds that open requests (watches, streams) get to end when the simulator stops."""


class FaceMaker(Protocol):
    """Makes the platforms and connects the world to them; ``make_faces`` but in tests."""

    def __call__(self, *, world: World, faults: Faults, clock: Clock, seed: int) -> Sequence[Face]: ...


class Simulator:
    """One simulated world: agents, the platforms they run on, and what shall go wrong.

    Args:
        specs: the agents to make.
        seed: what everything random in the world is drawn from.
        clock: the world's time.
        faces: makes the platforms.
    """

    def __init__(
        self,
        specs: Sequence[AgentSpec],
        *,
        seed: int,
        clock: Clock | None = None,
        faces: FaceMaker = make_faces,
    ) -> None:
        clock = clock or SystemClock()
        self.specs = tuple(specs)
        self.requests = RequestLog(clock)
        self.faults = FaultRules(clock, dice(seed, "faults"), self.requests)
        self.world = World(self.specs, clock=clock, rng=dice(seed, "world"))
        self.faces = faces(world=self.world, faults=self.faults, clock=clock, seed=seed)

    @asynccontextmanager
    async def serving(self, *, port: int = 0) -> AsyncIterator[str]:
        """Make the world, serve it, and yield its address (``http://127.0.0.1:PORT``); port 0 takes a free one.

        Raises:
            OSError: when the port is taken.
        """
        for face in self.faces:
            face.seed(self.specs)
        self.world.start_unreachable()
        runner = web.AppRunner(self.application(), access_log=None, shutdown_timeout=_GOODBYE)
        await runner.setup()
        try:
            await web.TCPSite(runner, HOST, port, backlog=_BACKLOG).start()
            async with self._going_on():
                yield f"http://{HOST}:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()

    @asynccontextmanager
    async def _going_on(self) -> AsyncIterator[None]:
        """The world and the faces at work. Should one of them fail, the body is cancelled and the failure raised."""
        failure: Exception | None = None
        async with asyncio.TaskGroup() as work:
            tasks = [work.create_task(self.world.run(), name="simulator: agents act")]
            tasks += [work.create_task(face.run(), name=f"simulator: {face.prefix}") for face in self.faces]
            try:
                yield
            except Exception as error:  # noqa: BLE001 - raised below: the group would wrap the body's own failure
                failure = error
            finally:
                for task in tasks:
                    task.cancel()
        if failure is not None:
            raise failure

    def application(self) -> web.Application:
        """Everything on one port; ``serving`` is the only thing that may bind it."""
        app = web.Application(middlewares=[_only_neighbours, self._log], client_max_size=_LARGEST_BODY)
        control = Control(specs=self.specs, world=self.world, faults=self.faults, requests=self.requests)
        app.add_subapp(PREFIX, control.application())
        app.add_subapp(BOARD, board.application(self.world.board, BOARD_TOKEN))
        for face in self.faces:
            app.add_subapp(face.prefix, face.application())
        return app

    @web.middleware
    async def _log(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Record the request, and drop its connection if a fault says so."""
        if request.path.startswith((PREFIX, BOARD)):
            return await handler(request)
        with self.requests.serving(request) as entry:
            try:
                answer = await handler(request)
            except web.HTTPException as refusal:
                entry.status = refusal.status
                raise
            except ConnectionResetError:
                return _drop(request)
            entry.status = answer.status
            return answer


@web.middleware
async def _only_neighbours(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse a peer that is not on this machine, however it got here."""
    peer = request.transport and request.transport.get_extra_info("peername")
    if peer and not ipaddress.ip_address(peer[0]).is_loopback:
        raise web.HTTPForbidden(text="the simulator serves this machine only")
    return await handler(request)


def _drop(request: web.Request) -> web.Response:
    """End the connection without an answer; what is returned finds no one to go to."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)
