"""The board: keeps the latest report of every instance, and lets readers follow what changes.

State is in memory only: after a restart instances report again within seconds. It knows flags by key and version, no
flag service; it must not become a place that anything but a person's knowledge depends on.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from aiohttp import web
from pydantic import ValidationError

from killswitch_backends.agent_reports.wire import InstanceState, Scalar, WireReport

LOST_AFTER = 30.0
"""Seconds of silence after which an instance counts as lost: three of the helper's reports."""

FORGET_AFTER = 600.0
"""Seconds after which an instance that ended or was lost is no longer listed."""

MOST_INSTANCES = 100_000
_LARGEST_REPORT = 64 * 1024
_LONGEST_WAIT = 25.0
"""Seconds that a reader may wait for a change: under the 30 s at which many proxies give up."""

_NONE: Mapping[str, Scalar] = MappingProxyType({})

Key = tuple[str, str]
"""Agent and instance."""


@dataclass(slots=True)
class Report:
    """The latest word of one instance."""

    agent: str
    instance: str
    flags: dict[str, int]
    defaults: Mapping[str, Scalar]
    state: InstanceState
    heard: float
    """On the board's clock."""
    number: int
    """Rises with every change of anything on the board."""

    def says(self, flags: Mapping[str, int], defaults: Mapping[str, Scalar]) -> bool:
        """Whether this is what it says already."""
        return self.state is InstanceState.REPORTING and (self.flags, self.defaults) == (flags, defaults)

    def document(self) -> dict[str, Any]:
        return {
            "agent": self.agent,
            "instance": self.instance,
            "flags": self.flags,
            "defaults": dict(self.defaults),
            "state": self.state,
        }


class Full(Exception):
    """No more instances are taken."""


@dataclass(slots=True)
class Board:
    """All reports, the latest change last. One event loop owns it."""

    clock: Callable[[], float] = time.monotonic
    epoch: str = field(default_factory=lambda: secrets.token_hex(8))
    """Changes when the board starts anew, so that readers do too."""
    number: int = 0
    _reports: dict[Key, Report] = field(default_factory=dict)
    _moved: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, agent: str, instance: str, flags: Mapping[str, int], defaults: Mapping[str, Scalar] = _NONE) -> None:
        """Take a report; only what says something new is told to readers.

        Raises:
            Full: when there are too many instances.
        """
        known = self._reports.get((agent, instance))
        if known is None and len(self._reports) >= MOST_INSTANCES:
            raise Full
        if (
            known is not None
            and known.flags == flags
            and known.defaults == defaults
            and known.state is InstanceState.REPORTING
        ):
            known.heard = self.clock()
            return
        self._change(Report(agent, instance, dict(flags), defaults, InstanceState.REPORTING, self.clock(), 0))

    def end(self, agent: str, instance: str) -> None:
        """An instance says that it ends."""
        known = self._reports.get((agent, instance))
        if known is not None and known.state is not InstanceState.ENDED:
            known.state, known.heard = InstanceState.ENDED, self.clock()
            self._change(known)

    def sweep(self) -> None:
        """Mark who has been silent for too long, and forget who has been gone for long."""
        now = self.clock()
        for key, report in list(self._reports.items()):
            if report.state is InstanceState.REPORTING and now - report.heard > LOST_AFTER:
                report.state = InstanceState.LOST
                self._change(report)
            elif report.state is not InstanceState.REPORTING and now - report.heard > FORGET_AFTER:
                del self._reports[key]

    def since(self, number: int) -> list[Report]:
        """The reports that changed after a number, oldest change first."""
        found = []
        for report in reversed(self._reports.values()):
            if report.number <= number:
                break
            found.append(report)
        return found[::-1]

    async def wait(self, number: int, seconds: float) -> None:
        """Wait until something changes after a number, or so many seconds have passed."""
        try:
            async with asyncio.timeout(seconds):
                while self.number <= number:
                    await self._moved.wait()
        except TimeoutError:
            return

    def _change(self, report: Report) -> None:
        self.number += 1
        report.number = self.number
        key = (report.agent, report.instance)
        self._reports.pop(key, None)
        self._reports[key] = report  # the latest change last
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()


def application(board: Board, token: str) -> web.Application:
    """``PUT|DELETE /reports/AGENT/INSTANCE`` for agents, ``GET /reports?epoch=E&after=N&wait=S`` for readers."""
    handlers = _Handlers(board)
    app = web.Application(middlewares=[_bearer(token)], client_max_size=_LARGEST_REPORT)
    one = r"/reports/{agent:[^/]{1,253}}/{instance:[^/]{1,253}}"
    app.add_routes([web.put(one, handlers.put), web.delete(one, handlers.end), web.get("/reports", handlers.changes)])
    app.cleanup_ctx.append(handlers.sweeping)
    return app


class _Handlers:
    def __init__(self, board: Board) -> None:
        self._board = board

    async def put(self, request: web.Request) -> web.Response:
        try:
            report = WireReport.model_validate_json(await request.read())
        except ValidationError:
            raise web.HTTPBadRequest(text='expected {"flags": {KEY: VERSION}}') from None
        try:
            self._board.put(request.match_info["agent"], request.match_info["instance"], report.flags, report.defaults)
        except Full:
            raise web.HTTPInsufficientStorage(text="too many instances") from None
        return web.Response(status=204)

    async def end(self, request: web.Request) -> web.Response:
        self._board.end(request.match_info["agent"], request.match_info["instance"])
        return web.Response(status=204)

    async def changes(self, request: web.Request) -> web.Response:
        """What changed since a reader's last answer; all of it for a reader that knows another epoch, or none."""
        board, query = self._board, request.query
        try:
            after, wait = int(query.get("after", 0)), min(float(query.get("wait", 0)), _LONGEST_WAIT)
        except ValueError:
            raise web.HTTPBadRequest(text="after and wait are numbers") from None
        if query.get("epoch") != board.epoch:
            after = 0
        elif wait > 0:
            await board.wait(after, wait)
        reports = board.since(after)
        body = {"epoch": board.epoch, "at": board.number, "reports": [report.document() for report in reports]}
        return web.json_response(body)

    async def sweeping(self, _: web.Application) -> AsyncIterator[None]:
        """Sweep now and then while the application runs."""
        task = asyncio.create_task(_sweep(self._board), name="sweeping the agents' reports")
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _sweep(board: Board) -> None:
    while True:
        await asyncio.sleep(LOST_AFTER / 10)
        board.sweep()


def _bearer(token: str) -> Any:
    @web.middleware
    async def check(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        given = request.headers.get("Authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
            raise web.HTTPUnauthorized(text="a bearer token is needed")
        return await handler(request)

    return check
