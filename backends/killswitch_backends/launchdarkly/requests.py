"""One request to LaunchDarkly's REST API: token, time limit, rate limit, and an answer or a typed failure.

What is asked for is ``api.py``'s. The token is read when it is first needed and once more when it is refused; it goes
into one header and nowhere else.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import cast
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from killswitch_backends.hearing import Hearing
from killswitch_backends.launchdarkly.limiter import LONGEST_WAIT, RateLimiter, count_in
from killswitch_backends.launchdarkly.settings import LOOPBACK, LaunchDarklySettings
from killswitch_backends.outside import parsed
from killswitch_backends.problems import (
    Blocked,
    Changed,
    Gone,
    Problem,
    Refused,
    Throttled,
    Unauthenticated,
    Unreachable,
)
from killswitch_backends.protocol import Json

API_VERSION = "20240415"
SEMANTIC_PATCH = "application/json; domain-model=launchdarkly.semanticpatch"

TIMEOUT = aiohttp.ClientTimeout(total=5, connect=3)
QUICK = aiohttp.ClientTimeout(total=2, connect=1)
"""For a call that has another way when there is no answer."""
_MOST_BYTES = 64 * 2**20
"""Of one answer, decompressed."""


class Requests:
    """Requests over one access token, one after another or side by side."""

    def __init__(self, settings: LaunchDarklySettings, secret: Callable[[str], Awaitable[str]], where: str) -> None:
        self._settings = settings
        self._secret = secret
        self._where = where
        self._token: str | None = None
        self._limiter = RateLimiter()
        self._session: aiohttp.ClientSession | None = None
        self.hearing = Hearing()

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def call(
        self,
        route: str,
        method: str,
        path: str,
        body: Json = None,
        *,
        where: str = "",
        background: bool = False,
        quick: bool = False,
        timeout: aiohttp.ClientTimeout = TIMEOUT,
    ) -> Json:
        """One request, its JSON object; a token that was replaced meanwhile is read once more. Raises ``Problem``."""
        where, timeout = where or self._where, QUICK if quick else timeout
        await self._limiter.acquire(route, background=background)
        used = await self._current_token()
        status, headers, content = await self._send(method, path, body, used, where, timeout)
        if status == 401 and await self._current_token(anew=True) != used:
            status, headers, content = await self._send(method, path, body, cast("str", self._token), where, timeout)
        self._limiter.learn(route, headers)
        if status >= 300:
            raise self._problem(route, status, headers, content, where)
        try:
            answer = parsed(content)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise Unreachable(where, f"answered {status} with something that is not JSON")
        return answer

    async def _send(
        self, method: str, path: str, body: Json, token: str, where: str, timeout: aiohttp.ClientTimeout
    ) -> tuple[int, Mapping[str, str], bytes]:
        headers = {"Authorization": token, "LD-API-Version": API_VERSION}
        data = None
        if body is not None:
            headers["Content-Type"] = SEMANTIC_PATCH
            data = json.dumps(body).encode()
        session = self._open_session()
        url = self._settings.base_uri + path
        try:
            with self.hearing.request():
                async with session.request(
                    method, _url(url), data=data, headers=headers, timeout=timeout, allow_redirects=False
                ) as answer:
                    content = await _whole(answer, where)
        except TimeoutError as error:
            raise Unreachable(where, f"no answer within {timeout.total:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Unreachable(where, f"no connection: {type(error).__name__}") from error
        return answer.status, answer.headers, content

    def _problem(self, route: str, status: int, headers: Mapping[str, str], content: bytes, where: str) -> Problem:
        """The typed failure of an error answer."""
        said = message_of(content)
        match status:
            case 401:
                return Unauthenticated(where, f"access token refused (401: {said})", todo="check token in the table")
            case 404 if route in ("get", "patch"):
                return Gone(where, "no such flag (404)")
            case 405:
                return Blocked(where, f"{said} (405)", todo="have it approved in LaunchDarkly, or use a token that may")
            case 409:
                return Changed(where, f"changed by somebody else at the same moment (409: {said})")
            case 429:
                wait = self._wait(headers)
                self._limiter.exhausted(route, wait)
                return Throttled(where, f"rate limited (429: {said})", retry_after=wait)
        if status >= 500 or status < 400:
            return Unreachable(where, f"answered {status}: {said}")
        return Refused(where, f"refused ({status}: {said})")

    def _wait(self, headers: Mapping[str, str]) -> float:
        """Seconds a 429 asks to wait: Retry-After for a limit by address, else the end of the window."""
        asked = count_in(headers.get("Retry-After", ""))
        return max(self._limiter.until_reset(headers), 0.1) if asked is None else min(float(asked), LONGEST_WAIT)

    async def _current_token(self, *, anew: bool = False) -> str:
        if self._token is None or anew:
            self._token = await self._secret(self._settings.token)
        return self._token

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            outside = urlsplit(self._settings.base_uri).hostname not in LOOPBACK
            self._session = aiohttp.ClientSession(trust_env=outside, connector=aiohttp.TCPConnector(limit=64))
        return self._session


async def _whole(answer: aiohttp.ClientResponse, where: str) -> bytes:
    """An answer's body. Raises ``Unreachable`` where it does not end."""
    parts: list[bytes] = []
    size = 0
    async for part in answer.content.iter_any():
        parts.append(part)
        size += len(part)
        if size > _MOST_BYTES:
            raise Unreachable(where, f"answered with more than {_MOST_BYTES // 2**20} MiB")
    return b"".join(parts)


def _url(text: str) -> URL:
    """An address whose quoting is final: a key with a slash in it must not become another path."""
    return URL(text, encoded=True)


def message_of(content: bytes) -> str:
    """What an error answer says, short and on one line; the platform's text stays hostile until shown."""
    try:
        body = parsed(content)
    except ValueError:
        body = None
    text = body.get("message", "") if isinstance(body, dict) else ""
    return " ".join(str(text).split())[:200] or "no message"
