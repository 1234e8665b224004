"""LaunchDarkly's REST API v2: the calls this backend makes, and what their answers say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, cast
from urllib.parse import quote

import aiohttp

from killswitch_backends.hearing import Hearing
from killswitch_backends.launchdarkly.flags import FlagState, read_flag
from killswitch_backends.launchdarkly.requests import Requests
from killswitch_backends.launchdarkly.settings import LaunchDarklySettings
from killswitch_backends.problems import (
    Problem,
    Unreachable,
)
from killswitch_backends.protocol import Json

T = TypeVar("T")

PAGE = 100
"""Flags a page: the most the API gives."""
MOST_FLAGS = 1_000_000
"""In one list: what says that it is longer would be asked for pages for days."""
AUDIT_PAGE = 20
"""Entries of the audit log a call: the most the API gives."""

_LIST_TIMEOUT = aiohttp.ClientTimeout(total=10, connect=3)
_PARALLEL_PAGES = 4

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
        self._where = where
        self._requests = Requests(settings, secret, where)

    @property
    def hearing(self) -> Hearing:
        """Whether the platform answers at all."""
        return self._requests.hearing

    async def close(self) -> None:
        """Close the connections."""
        await self._requests.close()

    async def flag(self, key: str, *, background: bool = False, quick: bool = False) -> FlagState:
        """Read one flag.

        Raises:
            Gone: when there is none.
        """
        path = f"{self._flag_path(key)}?env={quote(self._settings.environment)}"
        body = await self._requests.call("get", "GET", path, where=self._of(key), background=background, quick=quick)
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
        return self._read(await self._requests.call("patch", "PATCH", path, body, where=self._of(key), quick=quick))

    async def try_patch(self, key: str, instructions: Sequence[Mapping[str, Json]]) -> None:
        """Have the API judge a semantic patch without making it (``dryRun``). Raises what the patch would."""
        body = {"environmentKey": self._settings.environment, "instructions": list(instructions)}
        path = self._flag_path(key) + "?dryRun=true"
        await self._requests.call("patch", "PATCH", path, body, where=self._of(key), background=True)

    async def identity(self) -> Mapping[str, Json]:
        """Who the access token is, as LaunchDarkly says."""
        return cast("Mapping[str, Json]", await self._requests.call("identity", "GET", "/api/v2/caller-identity"))

    async def token_made_at(self, token_id: str) -> str:
        """When an access token was made, as RFC 3339; empty where LaunchDarkly does not tell."""
        body = await self._requests.call("token", "GET", f"/api/v2/tokens/{quote(token_id, safe='')}", background=True)
        return _moment(body.get("creationDate"))

    async def approval_settings(self) -> Mapping[str, Json]:
        """``approvalSettings`` of the environment; empty where it has none. Raises ``Unreachable`` for what is none."""
        path = f"/api/v2/projects/{quote(self._settings.project)}/environments/{quote(self._settings.environment)}"
        body = await self._requests.call("environment", "GET", path, background=True)
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
        body = await self._requests.call("scheduled", "GET", path, where=self._of(key), background=True)
        return _objects(body, self._of(key))

    async def last_switches(self, key: str) -> list[Switch]:
        """The latest changes of a flag's ``on`` in this environment, newest first, as far as one call shows."""
        spec = f"proj/{self._settings.project}:env/{self._settings.environment}:flag/{key}"
        path = f"/api/v2/auditlog?limit={AUDIT_PAGE}&spec={quote(spec, safe='')}"
        body = await self._requests.call("auditlog", "GET", path, where=self._of(key))
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
        body = await self._requests.call("list", "GET", path, background=True, timeout=_LIST_TIMEOUT)
        total = body.get("totalCount")
        if "items" not in body or type(total) is not int or not 0 <= total <= MOST_FLAGS:
            raise Unreachable(self._where, "answered with a list that does not say how long it is")
        return [self._read(item) for item in _objects(body, self._where)], total

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
