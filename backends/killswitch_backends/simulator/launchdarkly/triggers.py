"""Flag triggers: unguessable URLs that turn one flag on or off in one environment, without a token.

As the vendor describes them (docs/home/releases/triggers, openapi "Flag triggers"): the URL is shown when it is made or
cycled and never again, a POST to it needs no authorisation, the same action twice changes nothing. The vendor does not
say whether they pass where an approval is required: ``Approvals.bypassed_by_triggers`` can be either.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiohttp import web

from killswitch_backends.simulator.launchdarkly.accounts import Caller
from killswitch_backends.simulator.launchdarkly.approvals import Approvals
from killswitch_backends.simulator.launchdarkly.changes import Changes, differences
from killswitch_backends.simulator.launchdarkly.failures import InvalidRequest, NotFound
from killswitch_backends.simulator.launchdarkly.flag_endpoints import FlagEndpoints, instructions_of
from killswitch_backends.simulator.launchdarkly.flags import Flag, Flags, Json
from killswitch_backends.simulator.launchdarkly.instructions import apply
from killswitch_backends.simulator.launchdarkly.rest import Operations, json_body
from killswitch_backends.simulator.seams import Faults

_ACTIONS = ("turnFlagOn", "turnFlagOff")
_CALLER = Caller("Flag trigger", "5f0000000000000000000021", writes=True)
ACCEPTED = 202


@dataclass(slots=True)
class Trigger:
    """One trigger of one flag in one environment."""

    id: str
    secret: str
    flag: str
    environment: str
    action: str
    created: int
    maker: Caller
    enabled: bool = True
    count: int = 0
    version: int = 1


class Triggers:
    """All triggers, their REST endpoints, and the one that their URLs lead to."""

    def __init__(
        self,
        *,
        flags: Flags,
        endpoints: FlagEndpoints,
        changes: Changes,
        approvals: Approvals,
        faults: Faults,
        rng: random.Random,
    ) -> None:
        self._flags, self._endpoints, self._changes, self._approvals = flags, endpoints, changes, approvals
        self._faults, self._rng = faults, rng
        self._triggers: dict[str, Trigger] = {}

    def routes(self, operations: Operations) -> list[web.RouteDef]:
        every = "/api/v2/flags/{project}/{flag}/triggers/{environment}"
        one = every + "/{id}"
        return [
            web.get(every, operations.reads("launchdarkly.triggers", self._list)),
            web.post(every, operations.writes("launchdarkly.triggers.create", self._create, status=201)),
            web.patch(one, operations.writes("launchdarkly.triggers.patch", self._patch)),
            web.delete(one, operations.writes("launchdarkly.triggers.delete", self._delete, status=204)),
            web.post("/webhook/triggers/{id}/{secret}", self.fire),
        ]

    async def fire(self, request: web.Request) -> web.StreamResponse:
        """Do what a trigger does; nobody is asked who they are."""
        refusal = await self._faults.strike("launchdarkly.trigger")
        if refusal is not None:
            return refusal
        trigger = self._triggers.get(request.match_info["id"])
        flag = None if trigger is None else self._flags.get(trigger.flag)
        if trigger is None or flag is None or not trigger.enabled or trigger.secret != request.match_info["secret"]:
            raise NotFound("Invalid resource identifier")
        trigger.count += 1
        self._carry_out(trigger, flag)
        return await self._faults.strike("launchdarkly.trigger", applied=True) or web.Response(status=ACCEPTED)

    def _carry_out(self, trigger: Trigger, flag: Flag) -> None:
        edit = self._endpoints.edit(flag, trigger.environment)
        apply(edit, [{"kind": trigger.action}])
        if not self._approvals.bypassed_by_triggers:
            self._approvals.check(flag, differences(flag, edit.flag))
        self._changes.commit(edit.flag, _CALLER, "")

    async def _list(self, request: web.Request, _: Caller) -> Json:
        flag = self._endpoints.flag(request)
        found = [t for t in self._triggers.values() if t.flag == flag.key and t.environment == _environment(request)]
        return {"items": [_rendered(trigger) for trigger in found], "_links": {}}

    async def _create(self, request: web.Request, caller: Caller) -> Json:
        flag, body = self._endpoints.flag(request), await json_body(request)
        action = _action(instructions_of(body))
        identifier = f"{self._rng.getrandbits(96):024x}"
        now = int(time.time() * 1000)
        trigger = Trigger(identifier, self._secret(), flag.key, _environment(request), action, now, caller)
        self._triggers[identifier] = trigger
        return _rendered(trigger, url=_url(request, trigger))

    async def _patch(self, request: web.Request, _: Caller) -> Json:
        trigger = self._one(request)
        url = ""
        for instruction in instructions_of(await json_body(request)):
            match instruction.get("kind"):
                case "disableTrigger":
                    trigger.enabled = False
                case "enableTrigger":
                    trigger.enabled = True
                case "cycleTriggerUrl":
                    trigger.secret = self._secret()
                    url = _url(request, trigger)
                case "replaceTriggerActionInstructions":
                    trigger.action = _action(instruction.get("value", []))
                case other:
                    raise InvalidRequest(f"instructions: unknown kind {other!r}")
        trigger.version += 1
        return _rendered(trigger, url=url)

    async def _delete(self, request: web.Request, _: Caller) -> Json:
        del self._triggers[self._one(request).id]
        return None

    def _one(self, request: web.Request) -> Trigger:
        flag, trigger = self._endpoints.flag(request), self._triggers.get(request.match_info["id"])
        if trigger is None or trigger.flag != flag.key:
            raise NotFound("Unknown flag trigger")
        return trigger

    def _secret(self) -> str:
        return f"{self._rng.getrandbits(128):032x}"


def _environment(request: web.Request) -> str:
    return request.match_info["environment"]


def _action(instructions: Sequence[Mapping[str, Json]]) -> str:
    kinds = [instruction.get("kind") for instruction in instructions]
    if len(kinds) != 1 or kinds[0] not in _ACTIONS:
        raise InvalidRequest("instructions: expected one of turnFlagOn and turnFlagOff")
    return str(kinds[0])


def _url(request: web.Request, trigger: Trigger) -> str:
    """The whole address, as it is to be kept: this application's own, from wherever it is mounted."""
    base = request.path.partition("/api/v2/")[0]
    return f"{request.url.origin()}{base}/webhook/triggers/{trigger.id}/{trigger.secret}"


def _rendered(trigger: Trigger, *, url: str = "") -> Json:
    """A trigger as the API shows it; without the URL's secret, but where it was just made."""
    return {
        "_id": trigger.id,
        "_version": trigger.version,
        "_creationDate": trigger.created,
        "_maintainerId": trigger.maker.id,
        "enabled": trigger.enabled,
        "_integrationKey": "generic-trigger",
        "instructions": [{"kind": trigger.action}],
        "_triggerCount": trigger.count,
        "triggerURL": url or f"https://.../webhook/triggers/{trigger.id}/{'*' * 8}",
        "_links": {},
    }
