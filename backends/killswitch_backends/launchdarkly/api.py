"""LaunchDarkly's REST API v2: the calls this backend makes, with time limits, rate limits and typed failures."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, cast
from urllib.parse import quote, urlsplit

import aiohttp
from yarl import URL

from killswitch_backends.hearing import Hearing
from killswitch_backends.launchdarkly.flags import FlagState, read_flag
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

T = TypeVar("T")

API_VERSION = "20240415"
SEMANTIC_PATCH = "application/json; domain-model=launchdarkly.semanticpatch"
PAGE = 100
"""Flags a page: the most the API gives."""
MOST_FLAGS = 1_000_000
"""In one list: what says that it is longer would be asked for pages for days."""
AUDIT_PAGE = 20
"""Entries of the audit log a call: the most the API gives."""

_TIMEOUT = aiohttp.ClientTimeout(total=5, connect=3)
QUICK = aiohttp.ClientTimeout(total=2, connect=1)
"""For a call that has another way when there is no answer."""
_LIST_TIMEOUT = aiohttp.ClientTimeout(total=10, connect=3)
_PARALLEL_PAGES = 4
_MOST_BYTES = 64 * 2**20
"""Of one answer, decompressed."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_YEAR_9999 = 253_370_764_800_000
"""Milliseconds: what a time in the audit log is less than."""


@dataclass(frozen=True, slots=True)
class Switch:
    """Somebody's change of a flag's ``on``, from the audit log."""

    by: str
    comment: str
    at: str = ""
    """When, as RFC 3339 in UTC; empty where the entry does not tell."""


class Api:
    """One project and environment over one access token."""

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

    async def flag(self, key: str, *, background: bool = False, quick: bool = False) -> FlagState:
        """Read one flag.

        Raises:
            Gone: when there is none.
        """
        path = f"{self._flag_path(key)}?env={quote(self._settings.environment)}"
        body = await self._call("get", "GET", path, where=self._of(key), background=background, quick=quick)
        return self._read(body)

    async def flags(self) -> AsyncGenerator[FlagState, None]:
        """Read every live flag that carries the configured tag, whole, a few pages at once."""
        first, total = await self._page(0)
        for flag in first:
            yield flag
        offsets = range(PAGE, total, PAGE)
        for start in range(0, len(offsets), _PARALLEL_PAGES):
            for page, _ in await together(self._page(at) for at in offsets[start : start + _PARALLEL_PAGES]):
                for flag in page:
                    yield flag

    async def patch(
        self,
        key: str,
        instructions: Sequence[Mapping[str, Json]],
        *,
        comment: str,
        ignore_conflicts: bool = False,
        quick: bool = False,
    ) -> FlagState:
        """Change one flag by a semantic patch: all of the instructions, or none. The flag as it is after.

        ``ignore_conflicts`` makes it go through where a pending scheduled change or approval would fail by it.
        """
        body = {"environmentKey": self._settings.environment, "comment": comment, "instructions": list(instructions)}
        path = self._flag_path(key) + ("?ignoreConflicts=true" if ignore_conflicts else "")
        return self._read(await self._call("patch", "PATCH", path, body, where=self._of(key), quick=quick))

    async def try_patch(self, key: str, instructions: Sequence[Mapping[str, Json]]) -> None:
        """Have the API judge a semantic patch without making it (``dryRun``). Raises what the patch would."""
        body = {"environmentKey": self._settings.environment, "instructions": list(instructions)}
        path = self._flag_path(key) + "?dryRun=true"
        await self._call("patch", "PATCH", path, body, where=self._of(key), background=True)

    async def identity(self) -> Mapping[str, Json]:
        """Who the access token is, as LaunchDarkly says."""
        return cast("Mapping[str, Json]", await self._call("identity", "GET", "/api/v2/caller-identity"))

    async def token_made_at(self, token_id: str) -> str:
        """When an access token was made, as RFC 3339; empty where LaunchDarkly does not tell."""
        body = await self._call("token", "GET", f"/api/v2/tokens/{quote(token_id, safe='')}", background=True)
        return _moment(body.get("creationDate"))

    async def approval_settings(self) -> Mapping[str, Json]:
        """``approvalSettings`` of the environment; empty where it has none."""
        path = f"/api/v2/projects/{quote(self._settings.project)}/environments/{quote(self._settings.environment)}"
        body = await self._call("environment", "GET", path, background=True)
        found = body.get("approvalSettings") or {}
        tags = found.get("requiredApprovalTags") or [] if isinstance(found, dict) else None
        if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
            raise Unreachable(self._where, "answered with approval settings that are none")
        return cast("Mapping[str, Json]", found)

    async def scheduled(self, key: str) -> list[Mapping[str, Json]]:
        """The scheduled changes of one flag."""
        settings = self._settings
        path = (
            f"/api/v2/projects/{quote(settings.project)}/flags/{quote(key, safe='')}"
            f"/environments/{quote(settings.environment)}/scheduled-changes"
        )
        body = await self._call("scheduled", "GET", path, where=self._of(key), background=True)
        return _objects(body, self._of(key))

    async def last_switches(self, key: str) -> list[Switch]:
        """The latest changes of a flag's ``on`` in this environment, newest first, as far as one call shows."""
        spec = f"proj/{self._settings.project}:env/{self._settings.environment}:flag/{key}"
        path = f"/api/v2/auditlog?limit={AUDIT_PAGE}&spec={quote(spec, safe='')}"
        body = await self._call("auditlog", "GET", path, where=self._of(key))
        return [
            Switch(
                by=_name(entry.get("subject")),
                comment=str(entry.get("comment") or ""),
                at=_moment(entry.get("date")),
            )
            for entry in _objects(body, self._of(key))
            if any(access.get("action") == "updateOn" for access in _objects(entry, self._of(key), "accesses"))
        ]

    async def _page(self, offset: int) -> tuple[list[FlagState], int]:
        """One page of flags and how many there are in all; oldest first, so that a new flag moves nothing."""
        settings = self._settings
        path = (
            f"/api/v2/flags/{quote(settings.project)}?env={quote(settings.environment)}&tag={quote(settings.tag)}"
            f"&filter=filterEnv:{quote(settings.environment)}&summary=0&sort=creationDate&limit={PAGE}&offset={offset}"
        )
        body = await self._call("list", "GET", path, background=True, timeout=_LIST_TIMEOUT)
        total = body.get("totalCount")
        if "items" not in body or type(total) is not int or not 0 <= total <= MOST_FLAGS:
            raise Unreachable(self._where, "answered with a list that does not say how long it is")
        return [self._read(item) for item in _objects(body, self._where)], total

    async def _call(
        self,
        route: str,
        method: str,
        path: str,
        body: Json = None,
        *,
        where: str = "",
        background: bool = False,
        quick: bool = False,
        timeout: aiohttp.ClientTimeout = _TIMEOUT,
    ) -> Json:
        """One request and its JSON object; a token that was replaced meanwhile is read anew once."""
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
        said = _message(content)
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

    def _read(self, body: Json) -> FlagState:
        try:
            return read_flag(body, self._settings.environment)
        except ValueError as error:
            raise Unreachable(self._where, "sent a flag that cannot be read") from error

    def _flag_path(self, key: str) -> str:
        return f"/api/v2/flags/{quote(self._settings.project)}/{quote(key, safe='')}"

    def _of(self, key: str) -> str:
        return f"{self._where}/{key}"


async def together(calls: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Make some calls at once; the first that fails ends the others and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(call) for call in calls]
    except* Problem as problems:
        failure = problems
    else:
        return [task.result() for task in tasks]
    raise _first(failure)


def _first(group: BaseExceptionGroup[Problem]) -> Problem:
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


def _moment(milliseconds: object) -> str:
    """A moment as the audit log has it (Unix time in milliseconds), as RFC 3339; empty where it is none."""
    if not isinstance(milliseconds, int) or not 0 < milliseconds < _YEAR_9999:
        return ""
    return (_EPOCH + timedelta(milliseconds=milliseconds)).isoformat(timespec="milliseconds")


def _objects(body: Mapping[str, Json], where: str, key: str = "items") -> list[Mapping[str, Json]]:
    """The objects of a list. Raises ``Unreachable`` where it is none: what is no list is not an empty one."""
    listed = body.get(key, [])
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise Unreachable(where, f"answered with {key} that are no list of objects")
    return listed


def _name(subject: Json) -> str:
    return str(subject.get("name", "")) if isinstance(subject, dict) else ""


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


def _message(content: bytes) -> str:
    """What an error answer says, short and on one line; the platform's text stays hostile until shown."""
    try:
        body = parsed(content)
    except ValueError:
        body = None
    text = body.get("message", "") if isinstance(body, dict) else ""
    return " ".join(str(text).split())[:200] or "no message"
