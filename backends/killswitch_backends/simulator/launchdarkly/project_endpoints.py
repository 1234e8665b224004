"""What surrounds flags: the caller, the environment and its approval settings, the audit log, scheduled changes."""

from __future__ import annotations

from aiohttp import web

from killswitch_backends.simulator.launchdarkly import audit, schedule
from killswitch_backends.simulator.launchdarkly.accounts import (
    ACCOUNT_ID,
    ENVIRONMENT_ID,
    PROJECT_ID,
    Caller,
)
from killswitch_backends.simulator.launchdarkly.approvals import Approvals
from killswitch_backends.simulator.launchdarkly.documents import patched
from killswitch_backends.simulator.launchdarkly.failures import InvalidRequest, NotFound
from killswitch_backends.simulator.launchdarkly.flag_endpoints import FlagEndpoints, instructions_of
from killswitch_backends.simulator.launchdarkly.flags import Json
from killswitch_backends.simulator.launchdarkly.instructions import apply
from killswitch_backends.simulator.launchdarkly.rest import Operations, json_body, number
from killswitch_backends.simulator.seams import FLAG_ENVIRONMENT, PROJECT


class ProjectEndpoints:
    """Handlers for one project and environment."""

    def __init__(
        self, *, flags: FlagEndpoints, audit_log: audit.AuditLog, schedules: schedule.Schedule, approvals: Approvals
    ) -> None:
        self._flags = flags
        self._audit = audit_log
        self._schedule = schedules
        self._approvals = approvals

    def routes(self, operations: Operations) -> list[web.RouteDef]:
        environment = "/api/v2/projects/{project}/environments/{environment}"
        scheduled = "/api/v2/projects/{project}/flags/{flag}/environments/{environment}/scheduled-changes"
        return [
            web.get("/api/v2/caller-identity", operations.reads("launchdarkly.identity", self._identity)),
            web.get("/api/v2/tokens/{token}", operations.reads("launchdarkly.token", self._token)),
            web.get(environment, operations.reads("launchdarkly.environment", self._environment)),
            web.patch(environment, operations.writes("launchdarkly.environment.patch", self._patch_environment)),
            web.get("/api/v2/auditlog", operations.reads("launchdarkly.auditlog", self._audit_log)),
            web.get(scheduled, operations.reads("launchdarkly.scheduled", self._scheduled)),
            web.post(scheduled, operations.writes("launchdarkly.schedule", self._add_scheduled, status=201)),
        ]

    async def _identity(self, _: web.Request, caller: Caller) -> Json:
        return {
            "accountId": ACCOUNT_ID,
            "projectId": PROJECT_ID,
            "environmentId": ENVIRONMENT_ID,
            "projectName": PROJECT,
            "environmentName": FLAG_ENVIRONMENT,
            "authKind": "token",
            "tokenKind": "auth",
            "tokenName": caller.name,
            "tokenId": caller.id,
            "serviceToken": True,
        }

    async def _token(self, request: web.Request, caller: Caller) -> Json:
        """An access token; each may read itself alone."""
        if request.match_info["token"] != caller.id:
            raise NotFound("the token")
        return {
            "_id": caller.id,
            "name": caller.name,
            "serviceToken": True,
            "creationDate": caller.made_at,
            "lastModified": caller.made_at,
            "defaultApiVersion": 20240415,
        }

    async def _environment(self, request: web.Request, _: Caller) -> Json:
        return self._environment_body(self._flags.environment(request))

    def _environment_body(self, environment: str) -> Json:
        approvals = self._approvals if environment == self._approvals.environment else Approvals()
        return {
            "_links": {},
            "_id": ENVIRONMENT_ID,
            "key": environment,
            "name": environment.capitalize(),
            "color": "F5A623",
            "requireComments": False,
            "confirmChanges": False,
            "tags": [],
            "critical": True,
            "approvalSettings": approvals.rendered(),
        }

    async def _patch_environment(self, request: web.Request, _: Caller) -> Json:
        """JSON patch; of all fields only the approval settings can be changed here, and of the main environment."""
        environment = self._flags.environment(request)
        if environment != self._approvals.environment:
            raise InvalidRequest("the simulator keeps approval settings of its main environment only")
        changed = patched(self._environment_body(environment), await json_body(request))
        self._approvals.adopt(changed["approvalSettings"])
        return self._environment_body(environment)

    async def _audit_log(self, request: web.Request, _: Caller) -> Json:
        query = request.query
        entries = self._audit.select(
            limit=number(query, "limit", 10, low=1, high=20),
            spec=query.get("spec", ""),
            query=query.get("q", ""),
            after=number(query, "after", 0),
            before=number(query, "before", 0),
        )
        links = {"self": {"href": "/api/v2/auditlog", "type": "application/json"}}
        return {"items": [audit.rendered(entry) for entry in entries], "_links": links}

    async def _scheduled(self, request: web.Request, _: Caller) -> Json:
        changes = self._schedule.of(self._flags.flag(request).key, self._flags.environment(request))
        return {"items": [schedule.rendered(change) for change in changes], "_links": {}}

    async def _add_scheduled(self, request: web.Request, caller: Caller) -> Json:
        """Schedule a change; its instructions are tried on a draft first."""
        flag, environment, body = self._flags.flag(request), self._flags.environment(request), await json_body(request)
        if not isinstance(body, dict) or not isinstance(body.get("executionDate"), int):
            raise InvalidRequest("executionDate is required, in Unix milliseconds")
        instructions = instructions_of(body)
        apply(self._flags.edit(flag, environment), instructions)
        change = self._schedule.add(flag.key, body["executionDate"], tuple(instructions), caller, environment)
        return schedule.rendered(change)
