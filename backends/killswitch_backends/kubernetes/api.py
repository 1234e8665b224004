"""The requests themselves: raw JSON over the official REST client, each with a time limit, failures as problems.

Typed models are left out on purpose: they cost a second at first touch, and validate after a write was applied. No
retries of changes happen here; the engine has the one policy. Reads may ask for a few attempts.
"""

from __future__ import annotations

import asyncio
import ipaddress
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

from killswitch_backends.clocks import server_time
from killswitch_backends.hearing import Hearing
from killswitch_backends.kubernetes import official
from killswitch_backends.kubernetes.coming_back import ComingBack
from killswitch_backends.kubernetes.credentials import Credentials
from killswitch_backends.kubernetes.failures import Answer, one_line
from killswitch_backends.kubernetes.garbage import uncollected
from killswitch_backends.kubernetes.lines import lines
from killswitch_backends.kubernetes.precedence import Precedence
from killswitch_backends.kubernetes.settings import KubernetesSettings
from killswitch_backends.outside import parsed
from killswitch_backends.problems import Throttled, Unauthenticated, Unreachable
from killswitch_backends.protocol import Json

NAME = "killswitch-console"
"""User agent and field manager: how a cluster's audit log and managedFields name us."""
JSON = "application/json"
JSON_PATCH = "application/json-patch+json"
CONNECT_SECONDS = 3.0
CHANGE_SECONDS = 8.0
READ_SECONDS = 8.0
LIST_SECONDS = 30.0
_POOL = 64
_LONGEST_WAIT = 60.0
"""Seconds; a platform that asks for more is asked again all the same."""
_MOST_BYTES = 64 * 2**20
"""Of one answer, decompressed: a page of 500 objects has a few megabytes."""


@dataclass(frozen=True, slots=True)
class _Session:
    """What one set of credentials is used through."""

    rest: Any
    certificate: tuple[str | None, str | None]
    client_error: type[Exception]
    client_timeout: Any


class Api:
    """One cluster's API server, connected at the first request."""

    def __init__(self, settings: KubernetesSettings, where: str) -> None:
        self._settings, self.where = settings, where
        self._lock = asyncio.Lock()
        self._credentials: Credentials | None = None
        self._client: official.Official | None = None
        self._session: _Session | None = None
        self.hearing = Hearing()
        self._retired: list[_Session] = []
        """Sessions of client certificates that were renewed: requests under way end on them."""
        self.precedence = Precedence()
        self._coming_back = ComingBack()

    async def close(self) -> None:
        """Close every connection."""
        await self._retire(self._session)
        await self._retire(None)
        self._session = None
        if self._credentials is not None:
            await self._credentials.close()

    async def credentials(self) -> Credentials:
        """The loaded credentials: who the kubeconfig says we are, and where."""
        await self._connected()
        assert self._credentials is not None  # noqa: S101 - _connected sets both or raises
        return self._credentials

    async def get(
        self,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        seconds: float = READ_SECONDS,
        attempts: int = 1,
        accept: str = JSON,
    ) -> Any:
        """Read JSON; with ``attempts``, tries again after a lost answer or a 429, backing off."""
        for attempt in range(1, attempts + 1):
            try:
                answer = await self._checked("GET", path, query, None, JSON, seconds, self.where, accept=accept)
                return _json(answer, self.where)
            except (Unreachable, Throttled) as problem:
                if attempt == attempts:
                    raise
                await asyncio.sleep(backoff(attempt, getattr(problem, "retry_after", None)))
        raise ValueError("attempts must be at least 1")

    async def patch(
        self, path: str, operations: Sequence[Mapping[str, Json]], *, where: str, dry_run: bool = False
    ) -> tuple[Any, str | None]:
        """Apply a JSON patch as this console; the object as it is then, and the request's id in the audit log.

        ``dry_run``: have the API server judge it by all its rules, and store nothing.
        """
        query, body = {"fieldManager": NAME} | ({"dryRun": "All"} if dry_run else {}), list(operations)
        with nullcontext() if dry_run else self.precedence.change():
            answer = await self._checked("PATCH", path, query, body, JSON_PATCH, CHANGE_SECONDS, where)
        return _json(answer, where), answer.headers.get("Audit-Id")

    async def call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        body: Json = None,
        seconds: float = READ_SECONDS,
    ) -> Any:
        """Make one request and read its JSON.

        Raises:
            Problem: of the type that the answer, or its absence, stands for.
        """
        with self.precedence.change() if method == "DELETE" else nullcontext():  # POST is a question, or a restore's
            answer = await self._checked(method, path, query, body, JSON, seconds, self.where)
        return _json(answer, self.where)

    async def server_time(self) -> datetime | None:
        """The API server's clock, as its answers tell it. Raises a ``Problem`` where it gives none."""
        answer = await self._checked("GET", "/version", None, None, "application/json", READ_SECONDS, self.where)
        return server_time(answer.headers.get("Date"))

    async def _checked(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: Json,
        content: str,
        seconds: float,
        where: str,
        *,
        accept: str = JSON,
    ) -> Answer:
        """Make one request, a second time with renewed credentials after a 401 (nothing was applied then)."""
        credentials = await self.credentials()
        used = credentials.material
        answer = await self._send(method, path, query, body, content, seconds, where, accept)
        if answer.status == 401 and await credentials.renew(used):
            answer = await self._send(method, path, query, body, content, seconds, where, accept)
        if answer.status >= 400:
            raise self._coming_back.problem_of(where, answer)
        return answer

    @asynccontextmanager
    async def stream(self, path: str, query: Mapping[str, str], *, silence: float) -> AsyncIterator[Any]:
        """Open a stream of lines that may last; it counts as broken after ``silence`` seconds without a byte.

        Yields an iterator of JSON values. Raises ``Unreachable`` when it breaks, before or while it is read.
        """
        session = await self._connected()
        timeout = session.client_timeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=silence)
        opened = False
        try:
            answer = await session.rest.request(
                "GET", await self._url(path, query), headers=await self._headers(), _request_timeout=timeout
            )
            response, opened = answer.response, True
            try:
                if response.status >= 400:
                    body = await _whole(response, self.where)
                    answered = Answer(response.status, response.headers, body)
                    raise self._coming_back.problem_of(self.where, answered)
                yield lines(response, self.where, silence=silence, turn=self.precedence.turn)
            finally:
                response.close()
        except (session.client_error, TimeoutError, OSError) as error:
            if not opened:
                self._coming_back.away()
            raise _unreachable(self.where, error) from None

    async def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: Json,
        content: str,
        seconds: float,
        where: str,
        accept: str,
    ) -> Answer:
        session = await self._connected()
        headers = await self._headers()
        headers |= {"Content-Type": content, "Accept": accept}
        timeout = session.client_timeout(total=seconds, sock_connect=CONNECT_SECONDS)
        try:
            url = await self._url(path, query)
            with self.hearing.request():
                answer = await session.rest.request(method, url, headers=headers, body=body, _request_timeout=timeout)
                whole = await _whole(answer.response, where)
        except (session.client_error, TimeoutError, OSError) as error:
            self._coming_back.away()
            raise _unreachable(where, error) from None
        return Answer(answer.status, answer.headers, whole)

    async def _headers(self) -> dict[str, str]:
        headers = await (await self.credentials()).authorization()
        return {**headers, "User-Agent": NAME, "Accept": JSON}

    async def _url(self, path: str, query: Mapping[str, str] | None) -> str:
        host = (await self.credentials()).server
        return f"{host}{path}?{urlencode(query)}" if query else f"{host}{path}"

    async def _connected(self) -> _Session:
        session, credentials = self._session, self._credentials
        if session and credentials and session.certificate == credentials.certificate:
            return session
        async with self._lock:
            if self._client is None or self._credentials is None:
                client = await asyncio.to_thread(official.load)
                loaded = Credentials(client, self._settings, self.where)
                await loaded.load()
                self._client, self._credentials = client, loaded
            if self._session is None or self._session.certificate != self._credentials.certificate:
                renewed = await self._open(self._client, self._credentials)
                await self._retire(self._session)
                self._session = renewed
            return self._session

    async def _retire(self, session: _Session | None) -> None:
        """Keep the last session for the requests under way on it; the one before has none left."""
        for earlier in self._retired:
            await earlier.rest.close()
        self._retired = [session] if session else []

    async def _open(self, client: official.Official, credentials: Credentials) -> _Session:
        configuration = credentials.configuration
        configuration.connection_pool_maxsize = _POOL + 4 * len(self._settings.namespaces)
        if _is_loopback(configuration.host):  # as Go's clients do: a proxy variable never applies to this machine
            configuration.client_session_kwargs = {"trust_env": False}
        try:
            rest = await asyncio.to_thread(client.rest.RESTClientObject, configuration)  # reads certificate stores
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            what = f"the kubeconfig's certificates cannot be used: {one_line(str(error))}"
            raise Unauthenticated(self.where, what) from None
        return _Session(rest, credentials.certificate, client.aiohttp.ClientError, client.aiohttp.ClientTimeout)


def _json(answer: Answer, where: str) -> Any:
    try:
        with uncollected():
            return parsed(answer.body)
    except ValueError:
        raise Unreachable(where, f"answered {answer.status} with something that is not JSON") from None


def backoff(attempt: int, retry_after: float | None = None, *, first: float = 0.2, most: float = 5.0) -> float:
    """Seconds to wait after a number of failures in a row: doubling, jittered, never less than the platform asks."""
    wait = min(most, first * 2.0 ** min(attempt - 1, 10))
    return max(min(retry_after or 0.0, _LONGEST_WAIT), wait * random.uniform(0.7, 1.3))  # noqa: S311 - jitter, not a secret


async def _whole(response: Any, where: str) -> bytes:
    """An answer's body; one that is not read to its end gives up its connection. ``Unreachable``: it has no end."""
    parts: list[bytes] = []
    size = 0
    try:
        async for part in response.content.iter_any():
            parts.append(part)
            size += len(part)
            if size > _MOST_BYTES:
                raise Unreachable(where, f"answered with more than {_MOST_BYTES // 2**20} MiB")
    except BaseException:  # a time limit and a cancellation too: else it fills a place in the pool until collected
        response.close()
        raise
    return b"".join(parts)


def _unreachable(where: str, error: Exception) -> Unreachable:
    what = "gave no answer in time" if isinstance(error, TimeoutError) else one_line(str(error)) or type(error).__name__
    return Unreachable(where, what)


def _is_loopback(host: str) -> bool:
    name = urlsplit(host).hostname or ""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"
