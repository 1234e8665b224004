"""A server on loopback that answers whatever a test tells it to, byte for byte."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web


@dataclass(slots=True)
class Reply:
    """One answer: its bytes; ``stays`` leaves it open after them, as a stream does."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    stays: bool = False


Answering = Callable[[web.Request, bytes], Reply]


@dataclass(slots=True)
class Liar:
    """The server: set ``answer`` to what it is to say."""

    answer: Answering = lambda _request, _body: Reply(status=404)
    asked: list[str] = field(default_factory=list, repr=False)
    """``METHOD PATH`` of each request since it was last emptied."""
    address: str = ""
    wrote: list[tuple[str, bytes]] = field(default_factory=list, repr=False)
    """Method and path, and body, of each request that is no GET."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.asked.append(f"{request.method} {request.path}")
        if request.method != "GET":
            self.wrote.append((f"{request.method} {request.path}", body))
        reply = self.answer(request, body)
        response = web.StreamResponse(status=reply.status, headers=reply.headers)
        await response.prepare(request)
        await response.write(reply.body)
        if reply.stays:
            await asyncio.Event().wait()
        await response.write_eof()
        return response


@asynccontextmanager
async def lying() -> AsyncIterator[Liar]:
    """A liar that runs."""
    liar = Liar()
    app = web.Application(client_max_size=2**26)
    app.router.add_route("*", "/{rest:.*}", liar.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    liar.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield liar
    finally:
        await runner.cleanup()
