"""``/_simulator``: what tests and drills ask of the simulator itself. No platform's interface leads here.

``GET truth`` what agents really do · ``GET agents`` whom the seed made · ``GET health`` ·
``GET|DELETE requests`` what was asked · ``GET|POST|DELETE faults``, ``DELETE faults/ID`` what shall go wrong.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from aiohttp import web
from pydantic import TypeAdapter, ValidationError

from killswitch_backends.simulator.acting import World
from killswitch_backends.simulator.faults import FaultRules, Rule
from killswitch_backends.simulator.requests import RequestLog
from killswitch_backends.simulator.seams import AgentSpec

PREFIX = "/_simulator"

_RULES: TypeAdapter[list[Rule]] = TypeAdapter(list[Rule])


class Control:
    """The handlers of ``/_simulator``."""

    def __init__(self, *, specs: Sequence[AgentSpec], world: World, faults: FaultRules, requests: RequestLog) -> None:
        self._specs, self._world, self._faults, self._requests = specs, world, faults, requests

    def application(self) -> web.Application:
        """The aiohttp application to mount under ``PREFIX``."""
        app = web.Application()
        app.add_routes(
            [
                web.get("/health", self.health),
                web.get("/truth", self.truth),
                web.get("/agents", self.agents),
                web.get("/requests", self.requests),
                web.delete("/requests", self.forget_requests),
                web.get("/faults", self.faults),
                web.post("/faults", self.add_faults),
                web.delete("/faults", self.clear_faults),
                web.delete("/faults/{id:[0-9]+}", self.remove_fault),
            ]
        )
        return app

    async def health(self, _: web.Request) -> web.Response:
        """Answers once the simulator serves."""
        return web.json_response({"status": "ok", "agents": len(self._specs)})

    async def truth(self, _: web.Request) -> web.Response:
        """``{agent: {"running": n, "last_action_at": RFC 3339 or null, ...}}``."""
        return web.json_response(self._world.truth())

    async def agents(self, _: web.Request) -> web.Response:
        """The specs of all agents, as drawn."""
        return web.json_response([asdict(spec) for spec in self._specs])

    async def requests(self, request: web.Request) -> web.Response:
        """Counts of all requests, and the latest ones of ``?operation=PATTERN`` (at most ``?limit=N``, 1,000)."""
        limit = request.query.get("limit", "1000")
        if not limit.isascii() or not limit.isdigit():
            raise web.HTTPBadRequest(text=f"limit is {limit!r}, expected a number")
        found = self._requests.matching(request.query.get("operation", "*"))
        latest = found[-int(limit) :] if int(limit) else []
        return web.json_response({"counts": dict(self._requests.counts), "latest": latest})

    async def forget_requests(self, _: web.Request) -> web.Response:
        """Start counting anew."""
        self._requests.clear()
        return web.Response(status=204)

    async def faults(self, _: web.Request) -> web.Response:
        """The rules in force, with how often each matched and struck."""
        return web.json_response([armed.view() for armed in self._faults.armed])

    async def add_faults(self, request: web.Request) -> web.Response:
        """Put one rule, or a list of rules, in force. Answers their ids; 400 says what is wrong with one."""
        try:
            given = json.loads(await request.text())
            rules = _RULES.validate_python(given if isinstance(given, list) else [given])
        except (json.JSONDecodeError, ValidationError) as wrong:
            raise web.HTTPBadRequest(text=str(wrong)) from wrong
        return web.json_response([self._faults.add(rule) for rule in rules], status=201)

    async def clear_faults(self, _: web.Request) -> web.Response:
        """Lift all rules."""
        self._faults.clear()
        return web.Response(status=204)

    async def remove_fault(self, request: web.Request) -> web.Response:
        """Lift one rule."""
        if not self._faults.remove(int(request.match_info["id"])):
            raise web.HTTPNotFound(text="no such fault")
        return web.Response(status=204)
