"""The endpoints that server SDKs use, authorised by the SDK key: ``/all``, ``/sdk/latest-all``, events."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from aiohttp import web

from killswitch_backends.simulator.launchdarkly.accounts import ENVIRONMENT_ID, sdk_key
from killswitch_backends.simulator.launchdarkly.failures import Unauthorized
from killswitch_backends.simulator.launchdarkly.streaming import Edge
from killswitch_backends.simulator.seams import Faults

HEARTBEAT = 15.0
"""Seconds of silence after which a stream is sent a comment."""

_ENVIRONMENT_HEADER = {"X-LD-EnvID": ENVIRONMENT_ID}


class SdkEndpoints:
    """Streaming, polling, and events that go nowhere."""

    def __init__(self, *, edges: Iterable[Edge], faults: Faults) -> None:
        self.heartbeat = HEARTBEAT
        self._edges = {sdk_key(edge.environment): edge for edge in edges}
        self._faults = faults

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/all", self._stream),
            web.get("/sdk/latest-all", self._poll),
            web.post("/bulk", self._events),
            web.post("/diagnostic", self._events),
        ]

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events until the client or the server ends them; ``launchdarkly.stream.send`` strikes frames."""
        refusal = await self._faults.strike("launchdarkly.stream")
        if refusal is not None:
            return refusal
        edge = self._edge(request)
        response = web.StreamResponse(headers={**_ENVIRONMENT_HEADER, "Cache-Control": "no-cache"})
        response.content_type = "text/event-stream"
        await response.prepare(request)
        with edge.stream() as queue:
            while (data := await self._next(queue)) is not None:
                if await self._faults.strike("launchdarkly.stream.send") is not None:
                    break  # headers are out: all that an error can do to a stream is to end it
                await response.write(data)
        return response

    async def _next(self, queue: asyncio.Queue[bytes | None]) -> bytes | None:
        """The frames that wait, joined; a heartbeat comment if none comes in time; None at the end."""
        try:
            async with asyncio.timeout(self.heartbeat):
                data = await queue.get()
        except TimeoutError:
            return b":\n\n"
        while data is not None and not queue.empty():
            more = queue.get_nowait()
            if more is None:
                queue.put_nowait(None)
                break
            data += more
        return data

    async def _poll(self, request: web.Request) -> web.StreamResponse:
        refusal = await self._faults.strike("launchdarkly.poll")
        if refusal is not None:
            return refusal
        edge = self._edge(request)
        headers = {**_ENVIRONMENT_HEADER, "ETag": edge.etag()}
        if request.headers.get("If-None-Match") == headers["ETag"]:
            return web.Response(status=304, headers=headers)
        return web.Response(body=edge.put_data(), content_type="application/json", headers=headers)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        """Analytics and diagnostics are taken and forgotten."""
        refusal = await self._faults.strike("launchdarkly.events")
        if refusal is not None:
            return refusal
        self._edge(request)
        await request.read()
        return web.Response(status=202)

    def _edge(self, request: web.Request) -> Edge:
        """The environment that a client's SDK key opens."""
        edge = self._edges.get(request.headers.get("Authorization", ""))
        if edge is None:
            raise Unauthorized("Invalid SDK key")
        return edge
