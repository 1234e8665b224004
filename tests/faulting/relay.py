"""A relay between the console and one platform of the simulator, on which requests and connections go wrong.

Below what the simulator's own fault rules can do: half answers, wrong content types, streams that fall silent, names
that cannot be resolved, clocks that are off.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from unittest import mock

import aiohttp
from aiohttp import web
from multidict import CIMultiDict

from faulting.faults import Blow, Fault
from killswitch_backends.simulator.fault_answers import error_answer, throttle_answer

_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "content-length"}
_TLS_ALERT = b"\x15\x03\x03\x00\x02\x02\x28"
_SERVICES = {"monitoring": "cloudwatch"}
_STREAM_CUT = 0.3
"""Seconds that a flapping stream lasts."""

_unresolvable: set[int] = set()
"""Ports whose host has no name now."""


@contextmanager
def names_that_may_fail() -> Iterator[None]:
    """Have ``getaddrinfo`` fail for relays that say so."""
    resolve = socket.getaddrinfo

    def resolved(host: Any, port: Any, *more: Any, **others: Any) -> Any:
        if port in _unresolvable:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return resolve(host, port, *more, **others)

    with mock.patch.object(socket, "getaddrinfo", resolved):
        yield


@dataclass(slots=True)
class Relay:
    """One relay. Set ``fault``; it strikes while ``striking()`` is true."""

    upstream: str
    platform: str
    striking: Callable[[], bool]
    fault: Fault | None = None
    first: asyncio.Event = field(default_factory=asyncio.Event)
    """It has struck."""
    struck: int = 0
    port: int = 0
    _session: aiohttp.ClientSession | None = None
    _open: set[asyncio.Transport] = field(default_factory=set)
    _turn: int = 0
    _lifted: asyncio.Event = field(default_factory=asyncio.Event)

    def lift(self) -> None:
        """All is well from now on; what hangs is let go."""
        self.fault = None
        _unresolvable.discard(self.port)
        self._lifted.set()

    def begin(self, fault: Fault) -> None:
        """From now on this goes wrong."""
        self._lifted.clear()
        self.fault = fault

    def stir(self) -> None:
        """An operation begins or ends: names go and come with it."""
        if self.fault is None or self.fault.blow is not Blow.NO_NAME:
            return
        if self.striking() and self.port not in _unresolvable:
            _unresolvable.add(self.port)
            self.struck += 1
            self.first.set()
            for transport in tuple(self._open):
                transport.abort()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Serve; the address to use instead of the upstream's."""
        app = web.Application(client_max_size=2**26)
        app.router.add_route("*", "/{rest:.*}", self._handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        async with aiohttp.ClientSession(auto_decompress=False, timeout=aiohttp.ClientTimeout(total=None)) as session:
            self._session = session
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            assert site._server is not None
            self.port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
            try:
                yield f"http://localhost:{self.port}"
            finally:
                self.lift()
                await runner.cleanup()

    def _strike(self) -> Fault | None:
        fault = self.fault
        if fault is None or not self.striking() or (fault.most is not None and self.struck >= fault.most):
            return None
        self.struck += 1
        self.first.set()
        return fault

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if isinstance(request.transport, asyncio.Transport):
            self._open.add(request.transport)
        try:
            with suppress(ConnectionError):
                return await self._answered(request, body, self._strike())
            return _dropped(request)  # whoever asked is gone, or the upstream is
        finally:
            if isinstance(request.transport, asyncio.Transport):
                self._open.discard(request.transport)

    async def _answered(self, request: web.Request, body: bytes, fault: Fault | None) -> web.StreamResponse:
        match fault:
            case None:
                return await self._forward(request, body)
            case Fault(blow=Blow.LATENCY, seconds=seconds):
                with suppress(TimeoutError):
                    async with asyncio.timeout(seconds):
                        await self._lifted.wait()
                return await self._forward(request, body)
            case Fault(blow=Blow.STATUS):
                return self._refused(request, fault)
            case Fault(blow=Blow.HANG):
                await self._lifted.wait()
                return _dropped(request)
            case Fault(blow=Blow.TLS):
                assert request.transport is not None
                request.transport.write(_TLS_ALERT)
                return _dropped(request, politely=True)
            case Fault(blow=Blow.RESET | Blow.NO_NAME):
                return _dropped(request)
            case _:
                return await self._spoilt(request, body, fault)

    def _refused(self, request: web.Request, fault: Fault) -> web.Response:
        if fault.status == 429:
            return throttle_answer(
                f"{self._service(request)}.x",
                status=None,
                code="",
                message="",
                body=None,
                retry_after=fault.retry_after,
                asked_in=request.content_type,
                now=datetime.now(UTC).timestamp(),
            )
        operation, code = f"{self._service(request)}.x", fault.code if self.platform in ("lambda", "iam") else ""
        status = 403 if code else fault.status
        return error_answer(operation, status, code=code, message="", body=None, asked_in=request.content_type)

    def _service(self, request: web.Request) -> str:
        """Whose wire it is: an AWS request says so in what it is signed for."""
        scope = request.headers.get("Authorization", "").partition("Credential=")[2].split(",")[0].split("/")
        return _SERVICES.get(scope[3], scope[3]) if len(scope) > 3 else self.platform

    async def _spoilt(self, request: web.Request, body: bytes, fault: Fault) -> web.StreamResponse:
        """Have the change made, and spoil the answer."""
        match fault.blow:
            case Blow.SKEW:
                date = format_datetime(datetime.now(UTC) + timedelta(seconds=fault.seconds), usegmt=True)
                return await self._forward(request, body, date=date)
            case Blow.SILENT:
                return await self._forward(request, body, silent=True)
            case Blow.FLAPPING:
                self._turn += 1
                if _is_stream(request):
                    return await self._forward(request, body, cut_after=_STREAM_CUT)
                return _dropped(request) if self._turn % 2 else await self._forward(request, body)
        async with self._asked(request, body) as answer:
            if fault.blow is Blow.RESET_AFTER:
                if not _is_stream(request):
                    await answer.read()
                return _dropped(request)
            content = b"" if _is_stream(request) else await answer.read()
            if fault.blow is Blow.WRONG_TYPE:
                return web.Response(text="<html><body>Please log in</body></html>", content_type="text/html")
            headers = _kept(answer)
            if fault.blow is Blow.MALFORMED:
                return web.Response(status=answer.status, headers=headers, body=content[: len(content) // 2] + b"<{")
            half = web.StreamResponse(status=answer.status, headers=headers)
            half.content_length = max(2, len(content))
            await half.prepare(request)
            await half.write(content[: len(content) // 2] or b"{")
            return _dropped(request)

    @asynccontextmanager
    async def _asked(self, request: web.Request, body: bytes) -> AsyncIterator[aiohttp.ClientResponse]:
        assert self._session is not None
        headers = CIMultiDict((k, v) for k, v in request.headers.items() if k.lower() not in _HOP)
        asked = self._session.request(
            request.method, f"{self.upstream}{request.raw_path}", headers=headers, data=body, allow_redirects=False
        )
        try:
            async with asked as answer:
                yield answer
        except aiohttp.ClientError as error:
            raise ConnectionResetError(str(error)) from error

    async def _forward(
        self,
        request: web.Request,
        body: bytes,
        *,
        date: str | None = None,
        silent: bool = False,
        cut_after: float | None = None,
    ) -> web.StreamResponse:
        async with self._asked(request, body) as answer:
            headers = _kept(answer)
            if date:
                headers["Date"] = date
            relayed = web.StreamResponse(status=answer.status, headers=headers)
            if answer.content_length is not None:
                relayed.content_length = answer.content_length
            await relayed.prepare(request)
            if silent:
                await self._lifted.wait()
                return _dropped(request)
            with suppress(TimeoutError):
                async with asyncio.timeout(cut_after):
                    async for chunk in answer.content.iter_any():
                        await relayed.write(chunk)
                    await relayed.write_eof()
                    return relayed
            return _dropped(request)


def _is_stream(request: web.Request) -> bool:
    return request.query.get("watch") in ("1", "true") or "event-stream" in request.headers.get("Accept", "")


def _kept(answer: aiohttp.ClientResponse) -> CIMultiDict[str]:
    return CIMultiDict((k, v) for k, v in answer.headers.items() if k.lower() not in _HOP)


def _dropped(request: web.Request, *, politely: bool = False) -> web.StreamResponse:
    """End the connection: with a reset, or after what was written to it."""
    if request.transport is not None:
        if politely:
            request.transport.close()
        else:
            request.transport.abort()  # type: ignore[attr-defined]
    return web.Response(status=502)
