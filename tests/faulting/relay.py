"""A relay between the console and one platform of the simulator, on which requests and connections go wrong.

Below what the simulator's own fault rules can do: half answers, wrong content types, streams that fall silent, names
that cannot be resolved, clocks that are off.
"""

from __future__ import annotations

import asyncio
import re
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

_relays: dict[int, Relay] = {}
"""Those that serve, by port: whether a name is known, they are asked."""


@contextmanager
def names_that_may_fail() -> Iterator[None]:
    """Have ``getaddrinfo`` fail for relays that say so."""
    resolve = socket.getaddrinfo

    def resolved(host: Any, port: Any, *more: Any, **others: Any) -> Any:
        relay = _relays.get(port)
        if relay is not None and relay.nameless():
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
    streams: bool = False
    """Whether what is struck has a stream: then one that falls silent is one of these."""
    fault: Fault | None = None
    first: asyncio.Event = field(default_factory=asyncio.Event)
    """It has struck."""
    struck: int = 0
    defects: list[str] = field(default_factory=list)
    """What failed in the relay itself."""
    _session: aiohttp.ClientSession | None = None
    _turn: int = 0
    _closing: asyncio.Event = field(default_factory=asyncio.Event)
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)

    def lift(self) -> None:
        """All is well for what is asked from now on. What hangs goes on hanging."""
        self.fault = None

    def begin(self, fault: Fault) -> None:
        """From now on this goes wrong."""
        self.fault = fault

    def nameless(self) -> bool:
        """Whether the platform's name cannot be resolved now. From any thread."""
        fault = self.fault
        if fault is None or fault.blow is not Blow.NO_NAME or not self.striking():
            return False
        self._loop.call_soon_threadsafe(self._noted)
        return True

    def _noted(self) -> None:
        self.struck += 1
        self.first.set()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Serve; the address to use instead of the upstream's."""
        app = web.Application(client_max_size=2**26)
        app.router.add_route("*", "/{rest:.*}", self._handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        connector, forever = aiohttp.TCPConnector(limit=0), aiohttp.ClientTimeout(total=None)
        async with aiohttp.ClientSession(connector=connector, auto_decompress=False, timeout=forever) as session:
            self._session = session
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            assert site._server is not None
            port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
            _relays[port] = self
            try:
                yield f"http://localhost:{port}"
            finally:
                del _relays[port]
                self.lift()
                self._closing.set()
                await runner.cleanup()

    def _strike(self, request: web.Request) -> Fault | None:
        fault = self.fault
        if fault is None or not self.striking() or (fault.most is not None and self.struck >= fault.most):
            return None
        if fault.blow is Blow.SILENT and self.streams and not _is_stream(request):
            return None
        self._noted()
        return fault

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        try:
            with suppress(ConnectionError):
                return await self._answered(request, body, self._strike(request))
        except Exception as error:
            self.defects.append(f"the relay itself failed: {error!r}")
            raise
        return _dropped(request)  # whoever asked is gone, or the upstream is

    async def _answered(self, request: web.Request, body: bytes, fault: Fault | None) -> web.StreamResponse:
        match fault:
            case None:
                return await self._forward(request, body)
            case Fault(blow=Blow.LATENCY, seconds=seconds):
                return await self._late(request, body, seconds)
            case Fault(blow=Blow.STATUS):
                return self._refused(request, fault)
            case Fault(blow=Blow.HANG):
                await self._closing.wait()
                return _dropped(request)
            case Fault(blow=Blow.TLS):
                assert request.transport is not None
                request.transport.write(_TLS_ALERT)
                return _dropped(request, politely=True)
            case Fault(blow=Blow.RESET | Blow.NO_NAME):
                return _dropped(request)
            case Fault(blow=Blow.SKEW, seconds=seconds) if self.platform in ("lambda", "iam"):
                return self._signed_at_another_time(request, seconds)
            case _:
                return await self._spoilt(request, body, fault)

    async def _late(self, request: web.Request, body: bytes, seconds: float) -> web.StreamResponse:
        """Keep a request, or its answer, for so long. What nobody waits for any more is not carried out."""
        self._turn += 1
        if self._turn % 2:
            await self._pause(seconds)
            return _dropped(request) if _is_gone(request) else await self._forward(request, body)
        return await self._forward(request, body, late=seconds)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()

    def _signed_at_another_time(self, request: web.Request, apart: float) -> web.Response:
        """What AWS answers somebody whose clock is off (a limit of five minutes)."""
        signed, there = request.headers.get("X-Amz-Date", "?"), datetime.now(UTC) + timedelta(seconds=apart)
        how = "expired: {} is now earlier than {}" if apart > 0 else "not yet current: {} is still later than {}"
        answer = error_answer(
            f"{self._service(request)}.x",
            403,
            code="InvalidSignatureException" if self._service(request) == "lambda" else "SignatureDoesNotMatch",
            message=f"Signature {how.format(signed, f'{there:%Y%m%dT%H%M%SZ}')}",
            body=None,
            asked_in=request.content_type,
        )
        answer.headers["Date"] = format_datetime(there, usegmt=True)
        return answer

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
                return await self._forward(request, body, apart=fault.seconds)
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
        apart: float = 0.0,
        silent: bool = False,
        cut_after: float | None = None,
        late: float = 0.0,
    ) -> web.StreamResponse:
        async with self._asked(request, body) as answer:
            if late:
                await self._pause(late)
            relayed = web.StreamResponse(status=answer.status, headers=_kept(answer))
            if apart:
                relayed.headers["Date"] = format_datetime(datetime.now(UTC) + timedelta(seconds=apart), usegmt=True)
            elif answer.content_length is not None:
                relayed.content_length = answer.content_length
            await relayed.prepare(request)
            if silent:
                await self._closing.wait()
                return _dropped(request)
            with suppress(TimeoutError):
                async with asyncio.timeout(cut_after):
                    async for piece in _lines(answer, apart) if apart else answer.content.iter_any():
                        await relayed.write(piece)
                    await relayed.write_eof()
                    return relayed
            return _dropped(request)


_TIMES = re.compile(rb'("\w*(?:[tT]ime|Timestamp|At)": ?")(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)')
_MILLISECONDS = re.compile(rb'("(?:\w*Date|lastModified|date|timestamp)": ?)(\d{13})\b')


async def _lines(answer: aiohttp.ClientResponse, apart: float) -> AsyncIterator[bytes]:
    """An answer with every time in it, but for those in marks (texts within texts), so many seconds off."""

    def moved(found: re.Match[bytes]) -> bytes:
        then = datetime.fromisoformat(found[2].decode()) + timedelta(seconds=apart)
        return found[1] + then.isoformat(timespec="seconds").encode()

    def counted(found: re.Match[bytes]) -> bytes:
        return found[1] + str(int(found[2]) + int(apart * 1000)).encode()

    rest = b""
    async for piece in answer.content.iter_any():
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield _MILLISECONDS.sub(counted, _TIMES.sub(moved, line)) + b"\n"
    if rest:
        yield _MILLISECONDS.sub(counted, _TIMES.sub(moved, rest))


def _is_gone(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()


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
            request.transport.abort()
    return web.Response(status=502)
