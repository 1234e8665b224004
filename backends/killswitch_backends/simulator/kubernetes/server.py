"""One handler for the whole API: authentication, faults, access, then the path (aiohttp's own router is slow)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from aiohttp import web

from killswitch_backends.simulator.kubernetes import discovery, openapi
from killswitch_backends.simulator.kubernetes.access import Access, answer_review
from killswitch_backends.simulator.kubernetes.answers import failure_answer, json_answer
from killswitch_backends.simulator.kubernetes.auditing import HEADER, AuditLog
from killswitch_backends.simulator.kubernetes.failures import ApiFailure, no_such_path, unauthorized
from killswitch_backends.simulator.kubernetes.kinds import Kinds
from killswitch_backends.simulator.kubernetes.listing import answer_list
from killswitch_backends.simulator.kubernetes.objects import JsonObject, dumps, loads_object
from killswitch_backends.simulator.kubernetes.objects_api import ObjectsApi
from killswitch_backends.simulator.kubernetes.protobuf import CONTENT_TYPE as PROTOBUF
from killswitch_backends.simulator.kubernetes.protobuf import read_access_review
from killswitch_backends.simulator.kubernetes.requests import MUTATING, Call, read_call
from killswitch_backends.simulator.kubernetes.storage import Store
from killswitch_backends.simulator.kubernetes.watching import answer_watch
from killswitch_backends.simulator.seams import Faults

_LARGEST_BODY = 3 * 2**20
"""Bytes of a request body, as etcd's limit makes it for the real server."""


@dataclass(slots=True, kw_only=True)
class ApiServer:
    """The wire protocol over the store."""

    prefix: str
    store: Store
    kinds: Kinds
    access: Access
    objects: ObjectsApi
    faults: Faults
    bookmark_every: float
    """Seconds between two bookmarks of a quiet watch."""
    audit: AuditLog = field(default_factory=AuditLog)
    changes: int = 0
    """Changing requests answered so far."""

    def application(self) -> web.Application:
        app = web.Application(client_max_size=_LARGEST_BODY)
        app.router.add_route("*", "/{path:.*}", self.handle)
        return app

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer any request under an audit id."""
        audit_id = self.audit.next_id()
        answer = await self._answer(request, audit_id)
        if not answer.prepared:
            answer.headers[HEADER] = audit_id
        return answer

    async def _answer(self, request: web.Request, audit_id: str) -> web.StreamResponse:
        """Answer any request; a failure is answered with its Status."""
        try:
            if not self.access.knows(request.headers.get("Authorization"), request.headers.get("User-Agent", "")):
                raise unauthorized()
            parts = request.match_info["path"].strip("/").split("/")
            if (parts[0] == "api" and len(parts) > 2) or (parts[0] == "apis" and len(parts) > 3):
                if parts[-1].startswith("selfsubject"):
                    return await self._review(request, parts[-1])
                return await self._audited(request, read_call(request, parts, self.kinds), audit_id)
            return await self._about_the_server(request, parts)
        except ApiFailure as failure:
            return failure_answer(failure)

    async def _audited(self, request: web.Request, call: Call, audit_id: str) -> web.StreamResponse:
        """Answer a request on objects, and log it if it is a change."""
        if call.verb not in MUTATING:
            return await self._on_objects(request, call)
        received = datetime.now(UTC)
        try:
            answer = await self._on_objects(request, call)
        except ApiFailure as failure:
            answer = failure_answer(failure)
        self.audit.record(audit_id, request, call, answer.status, received)
        return answer

    async def _on_objects(self, request: web.Request, call: Call) -> web.StreamResponse:
        struck = await self.faults.strike(call.operation)
        if struck is not None:
            return struck
        self.access.check(call)
        if call.verb == "watch":
            return await answer_watch(self.store, call, request, faults=self.faults, bookmark_every=self.bookmark_every)
        if call.verb == "list":
            return answer_list(self.store, call, request)
        if call.verb not in MUTATING:
            return self.objects.answer(call, request, b"")
        answer = self.objects.answer(call, request, await request.read())
        self.changes += 1
        struck = await self.faults.strike(call.operation, applied=True)
        return answer if struck is None else struck

    async def _review(self, request: web.Request, resource: str) -> web.StreamResponse:
        struck = await self.faults.strike(f"kubernetes.create.{resource}")
        if struck is not None:
            return struck
        if request.method != "POST":
            raise no_such_path()
        body = await request.read()
        asked = read_access_review(body) if request.content_type == PROTOBUF else loads_object(body)
        return json_answer(dumps(answer_review(self.access, resource, asked)), 201)

    async def _about_the_server(self, request: web.Request, parts: list[str]) -> web.StreamResponse:
        struck = await self.faults.strike("kubernetes.discover")
        if struck is not None:
            return struck
        if parts in (["api"], ["apis"]):
            return discovery.answer_root(self.kinds, request, parts[0])
        if parts[0] in ("healthz", "livez", "readyz"):
            return web.Response(text="ok")
        found = self._document(parts)
        if found is None:
            raise no_such_path()
        return json_answer(dumps(found))

    def _document(self, parts: list[str]) -> JsonObject | None:
        groups = self.kinds.groups()
        match parts:
            case ["version"]:
                return discovery.VERSION
            case ["api", version]:
                return discovery.resource_list(self.kinds, "", version)
            case ["apis", group] if group in groups:
                return {"kind": "APIGroup", "apiVersion": "v1", **discovery.group_of(group, groups[group])}
            case ["apis", group, version]:
                return discovery.resource_list(self.kinds, group, version)
            case ["openapi", "v3"]:
                return openapi.index(self.kinds, self.prefix)
            case ["openapi", "v3", "api", version]:
                return openapi.document(self.kinds, "", version)
            case ["openapi", "v3", "apis", group, version]:
                return openapi.document(self.kinds, group, version)
        return None
