"""``/api/v2/flags``: list, get, create, patch, delete, and who depends on a flag."""

from __future__ import annotations

import asyncio
import random
import time

from aiohttp import web

from killswitch_backends.simulator.launchdarkly.accounts import Caller
from killswitch_backends.simulator.launchdarkly.approvals import Approvals
from killswitch_backends.simulator.launchdarkly.changes import Changes, differences
from killswitch_backends.simulator.launchdarkly.documents import adopt, merged, patched, representation
from killswitch_backends.simulator.launchdarkly.failures import Conflict, InvalidRequest, KeyTaken, NotFound
from killswitch_backends.simulator.launchdarkly.flag_listing import listing
from killswitch_backends.simulator.launchdarkly.flags import Flag, Flags, Json, boolean_flag, draft
from killswitch_backends.simulator.launchdarkly.instructions import Edit, apply
from killswitch_backends.simulator.launchdarkly.rendering import rest_flag
from killswitch_backends.simulator.launchdarkly.rest import Operations, json_body
from killswitch_backends.simulator.seams import FLAG_ENVIRONMENT, PROJECT

WORK = (0.001, 0.004)
"""Seconds that a change takes; another change to the same flag meanwhile is a conflict."""

SEMANTIC = "launchdarkly.semanticpatch"


class FlagEndpoints:
    """Handlers over the flags; every change goes through ``Changes``."""

    def __init__(self, *, flags: Flags, changes: Changes, approvals: Approvals, rng: random.Random) -> None:
        self._flags = flags
        self._changes = changes
        self._approvals = approvals
        self._rng = rng
        self._busy: set[str] = set()

    def routes(self, operations: Operations) -> list[web.RouteDef]:
        one = "/api/v2/flags/{project}/{flag}"
        dependants = operations.reads("launchdarkly.dependents", self._dependants)
        return [
            web.get("/api/v2/flags/{project}", operations.reads("launchdarkly.list", self._list)),
            web.post("/api/v2/flags/{project}", operations.writes("launchdarkly.create", self._create, status=201)),
            web.get(one, operations.reads("launchdarkly.get", self._get)),
            web.patch(one, operations.writes("launchdarkly.patch", self._patch)),
            web.delete(one, operations.writes("launchdarkly.delete", self._delete, status=204)),
            web.get("/api/v2/flags/{project}/{environment}/{flag}/dependent-flags", dependants),
        ]

    def flag(self, request: web.Request) -> Flag:
        """The flag that a request's path names.

        Raises:
            NotFound: for another project, environment or flag.
        """
        self.environment(request)
        flag = self._flags.get(request.match_info["flag"])
        if flag is None:
            raise NotFound("Unknown feature flag key")
        return flag

    def environment(self, request: web.Request) -> str:
        """The environment that a request's path names, the main one where it names none.

        Raises:
            NotFound: for another project or environment than there are.
        """
        project = request.match_info.get("project", PROJECT)
        environment = request.match_info.get("environment", FLAG_ENVIRONMENT)
        if project != PROJECT:
            raise NotFound(f"Unknown project key {project!r}")
        if environment not in self._flags.environments:
            raise NotFound(f"Unknown environment key {environment!r}")
        return environment

    def edit(self, flag: Flag, environment: str | None) -> Edit:
        """A draft of a flag, for instructions."""
        return Edit(draft(flag), environment, self._flags, self._rng)

    async def _list(self, request: web.Request, _: Caller) -> Json:
        self.environment(request)
        return listing(self._flags, request.query, tuple(request.query.getall("env", [])))

    async def _get(self, request: web.Request, _: Caller) -> Json:
        environments = tuple(request.query.getall("env", []))
        return rest_flag(self.flag(request), environments=environments or None)

    async def _create(self, request: web.Request, caller: Caller) -> Json:
        self.environment(request)
        body = await json_body(request)
        if not isinstance(body, dict) or not isinstance(body.get("key"), str):
            raise InvalidRequest("key is required")
        if self._flags.get(body["key"]) is not None:
            raise KeyTaken("A feature with that key already exists")
        now = int(time.time() * 1000)
        name, tags = str(body.get("name", body["key"])), body.get("tags", [])
        flag = boolean_flag(body["key"], rng=self._rng, now=now, tags=tags, name=name)
        flag.environments[FLAG_ENVIRONMENT].on = False  # new flags are off until somebody turns them on
        self._changes.commit(flag, caller, "")
        return rest_flag(flag)

    async def _delete(self, request: web.Request, caller: Caller) -> Json:
        flag = self.flag(request)
        if any(self._flags.dependants(flag.key, name) for name in self._flags.environments):
            raise InvalidRequest("cannot delete a flag that is a prerequisite of other flags")
        self._changes.delete(flag, caller, "")
        return None

    async def _dependants(self, request: web.Request, _: Caller) -> Json:
        flag = self.flag(request)
        dependants = self._flags.dependants(flag.key, self.environment(request))
        site = {"href": f"/{PROJECT}/~/features/{flag.key}", "type": "text/html"}
        items = [{"name": other.name, "key": other.key, "_links": {}, "_site": site} for other in dependants]
        return {"items": items, "_links": {}, "_site": site}

    async def _patch(self, request: web.Request, caller: Caller) -> Json:
        """Change a flag, alone: a second change under way at the same time is refused, as by the real API."""
        key = self.flag(request).key
        body = await json_body(request)
        if key in self._busy:
            raise Conflict("Conflict. Optimistic lock error. Try again later.")
        self._busy.add(key)
        try:
            await asyncio.sleep(self._rng.uniform(*WORK))
            flag = self.flag(request)
            changed, comment = self._patched(flag, body, semantic=SEMANTIC in request.headers.get("Content-Type", ""))
            self._approvals.check(flag, differences(flag, changed))
            if request.query.get("dryRun") != "true":
                self._changes.commit(changed, caller, comment)
            return rest_flag(changed)
        finally:
            self._busy.discard(key)

    def _patched(self, flag: Flag, body: Json, *, semantic: bool) -> tuple[Flag, str]:
        """A draft after the patch, and the comment that came with it."""
        comment = body.get("comment", "") if isinstance(body, dict) else ""
        if not isinstance(comment, str):
            raise InvalidRequest("comment must be a string")
        if semantic:
            edit = self.edit(flag, body.get("environmentKey") if isinstance(body, dict) else None)
            apply(edit, instructions_of(body))
            return edit.flag, comment
        changed = draft(flag)
        if isinstance(body, dict) and "merge" in body:
            adopt(changed, merged(representation(flag), body["merge"]))
        else:
            adopt(changed, patched(representation(flag), body.get("patch") if isinstance(body, dict) else body))
        return changed, comment


def instructions_of(body: Json) -> list[dict[str, Json]]:
    """The instructions of a request.

    Raises:
        InvalidRequest: when there are none, or they are no objects.
    """
    instructions = body.get("instructions") if isinstance(body, dict) else None
    if not isinstance(instructions, list) or not all(isinstance(item, dict) for item in instructions):
        raise InvalidRequest("instructions is required: a list of objects")
    return instructions
