"""The LaunchDarkly face on a loopback port by itself, with faults that a test sets by hand.

For the tests of the face and of the backend; the whole simulator has its own fixtures.
"""

from __future__ import annotations

import asyncio
import gc
import json
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import aiohttp
import pytest
from aiohttp import web

from killswitch_backends.simulator.launchdarkly import TOKEN, LaunchDarklyFace
from killswitch_backends.simulator.seams import AgentSpec, Runtime

Json = Any
T = TypeVar("T")


class NobodyActs:
    """An ``Acting`` for a platform on which nothing runs."""

    def instance_started(self, agent: str, instance: str, *, identity: str | None) -> None:
        raise AssertionError("flags run nothing")

    def instance_ended(self, instance: str) -> None:
        raise AssertionError("flags run nothing")


@dataclass
class Faults:
    """Faults by operation: an answer, ``reset``, ``hang``; ``applied`` ones strike after the change was made."""

    before: dict[str, list[str | int | web.Response]] = field(default_factory=dict)
    applied: dict[str, list[str | int | web.Response]] = field(default_factory=dict)
    standing: dict[str, str | int] = field(default_factory=dict)
    seen: Counter[str] = field(default_factory=Counter)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    async def strike(self, operation: str, *, applied: bool = False) -> web.StreamResponse | None:
        if not applied:
            self.seen[operation] += 1
        waiting = (self.applied if applied else self.before).get(operation)
        fault = waiting.pop(0) if waiting else (None if applied else self.standing.get(operation))
        if fault is None:
            return None
        if isinstance(fault, int):
            return web.json_response({"code": "injected", "message": f"injected {fault}"}, status=fault)
        if fault == "hang":
            await self.released.wait()
            return None
        if fault == "reset":
            raise ConnectionResetError(operation)
        assert isinstance(fault, web.Response)
        return fault


_REFUSED_STREAMS: web.AppKey[list[str]] = web.AppKey("refused streams", list)

leaks_refused_streams = pytest.mark.filterwarnings("ignore:unclosed <socket.socket:ResourceWarning")
"""For tests in which the SDK's stream is refused: ld_eventsource 1.7 leaves that answer's socket to the collector."""


@web.middleware
async def _dropping(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        answer = await handler(request)
    except ConnectionResetError:
        if request.transport is not None:
            request.transport.abort()
        raise
    if request.path.endswith("/all") and answer.status >= 400:
        request.config_dict[_REFUSED_STREAMS].append(request.path)
    return answer


@dataclass
class Simulated:
    """A served face."""

    face: LaunchDarklyFace
    faults: Faults
    uri: str
    http: aiohttp.ClientSession

    async def call(
        self, method: str, path: str, body: object = None, *, semantic: bool = False, token: str = TOKEN, **headers: str
    ) -> tuple[int, Json, Mapping[str, str]]:
        """One REST call as a person's script makes it: status, body, headers."""
        kind = "application/json" + ("; domain-model=launchdarkly.semanticpatch" if semantic else "")
        sent = {"Authorization": token, "Content-Type": kind, **headers}
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        async with self.http.request(method, self.uri + path, data=data, headers=sent) as answer:
            content = await answer.json() if answer.content_type == "application/json" else await answer.text()
            return answer.status, content, answer.headers.copy()

    async def patch(self, flag: str, *instructions: object, comment: str = "", environment: str = "production") -> Json:
        """A semantic patch by a colleague; it must succeed."""
        body = {"environmentKey": environment, "comment": comment, "instructions": list(instructions)}
        status, content, _ = await self.call("PATCH", f"/api/v2/flags/agents/{flag}", body, semantic=True)
        assert status == 200, content
        return content

    async def require_approvals(self, *tags: str) -> None:
        """Make the environment ask for approvals."""
        operations = [
            {"op": "replace", "path": "/approvalSettings/required", "value": True},
            {"op": "replace", "path": "/approvalSettings/requiredApprovalTags", "value": list(tags)},
        ]
        status, content, _ = await self.call("PATCH", "/api/v2/projects/agents/environments/production", operations)
        assert status == 200, content


def agent(number: int, *, agent_class: str = "refund", flag: str | None = None) -> AgentSpec:
    """An agent with a flag of its own."""
    name = f"{agent_class}-{number}"
    return AgentSpec(
        name=name, agent_class=agent_class, tenant="acme", runtime=Runtime.NONE, flag=flag or f"agent-{name}"
    )


@asynccontextmanager
async def serving(
    specs: Sequence[AgentSpec] = (),
    *,
    seed: int = 1,
    port: int = 0,
    face: LaunchDarklyFace | None = None,
    environments: tuple[str, ...] = ("production",),
) -> AsyncIterator[Simulated]:
    """Serve a face on loopback until the block ends; pass ``face`` and ``port`` to serve one again after an outage."""
    faults = Faults()
    if face is None:
        face = LaunchDarklyFace(acting=NobodyActs(), faults=faults, rng=random.Random(seed), environments=environments)
        face.seed(specs)
    application = web.Application(middlewares=[_dropping])
    application[_REFUSED_STREAMS] = []
    application.add_subapp(face.prefix, face.application())
    runner = web.AppRunner(application, shutdown_timeout=0.2, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    bound = runner.addresses[0][1]
    work = asyncio.create_task(face.run(), name="launchdarkly face")
    try:
        async with aiohttp.ClientSession() as http:
            yield Simulated(face, faults, f"http://127.0.0.1:{bound}{face.prefix}", http)
    finally:
        faults.released.set()
        work.cancel()
        await runner.cleanup()
        if application[_REFUSED_STREAMS]:
            gc.collect()  # here, where leaks_refused_streams applies, and not in some later test


async def until(look: Callable[[], T], *, seconds: float = 5.0, what: str = "the condition") -> T:
    """Look again until it is true; fails with ``what`` when it is not in time."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"not in time: {what}"
        await asyncio.sleep(0.005)
    return found
