"""The front door of the simulated AWS: one address for every service, told apart by what each request was signed for.

Signatures are not verified; the access key says who calls. The order is AWS's: who are you, may you, are you too fast.
"""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from aiohttp import web

from killswitch_backends.simulator.aws.access import Access
from killswitch_backends.simulator.aws.callers import Caller, KeyRing
from killswitch_backends.simulator.aws.calls import Answer, Call, Operation
from killswitch_backends.simulator.aws.errors import AwsError
from killswitch_backends.simulator.aws.throttles import Throttle
from killswitch_backends.simulator.aws.trail import Trail
from killswitch_backends.simulator.aws.wires.wire import Wire
from killswitch_backends.simulator.seams import Faults

_SIGNED = re.compile(r"Credential=([^/\s]+)/\d{8}/([^/\s]+)/([^/\s]+)/aws4_request")


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One AWS service: its name in fault and action names, its protocol, operations and limits."""

    name: str
    action_prefix: str
    wire: Wire
    operations: Mapping[str, Operation]
    throttle: Throttle
    other_wires: Mapping[str, Wire] = field(default_factory=dict)
    """Further protocols, by the content type of a request that uses them."""

    def wire_of(self, request: web.BaseRequest) -> Wire:
        return self.other_wires.get(request.content_type, self.wire)


class Gateway:
    """Takes a request to its service's operation and back."""

    def __init__(
        self, services: Mapping[str, Service], *, keys: KeyRing, access: Access, faults: Faults, trail: Trail
    ) -> None:
        self._services = services  # by the name in the credential scope
        self._keys = keys
        self._access = access
        self._faults = faults
        self._trail = trail
        self._requests, self._world = 0, os.urandom(4).hex()  # no other simulator ever gave the same id

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request (an aiohttp handler)."""
        signed = _SIGNED.search(request.headers.get("Authorization", ""))
        service = self._services.get(signed[3]) if signed else None
        if signed is None or service is None:
            return web.json_response({"message": "Missing Authentication Token"}, status=403)
        request_id = self._next_request_id()
        wire = service.wire_of(request)
        try:
            name, params = wire.decode(request, await request.read())
            operation = service.operations.get(name)
            if operation is None:
                raise AwsError("InvalidAction", f"The simulator does not know {service.name} {name}.")
            stroke = await self._faults.strike(f"{service.name}.{name}")
            if stroke is not None:
                return stroke
            caller = self._caller(signed[1], request.headers.get("X-Amz-Security-Token"))
            call = Call(
                service=service.name,
                operation=name,
                region=signed[2],
                params=params,
                caller=caller,
                request_id=request_id,
            )
            answer = await self._answer(service, operation, call)
            if operation.mutates:
                self._trail.record(call)
                stroke = await self._faults.strike(f"{service.name}.{name}", applied=True)
            return stroke or wire.encode(name, answer, status=operation.status, request_id=request_id)
        except AwsError as error:
            return wire.fail(error, request_id=request_id)

    async def _answer(self, service: Service, operation: Operation, call: Call) -> Answer:
        if not operation.open:
            action = operation.action or f"{service.action_prefix}:{call.operation}"
            self._access.authorise(call.caller, action, operation.resource(call), region=call.region)
        service.throttle.take(operation.bucket, region=call.region)
        result = operation.run(call)
        return await result if inspect.isawaitable(result) else result

    def _caller(self, key_id: str, token: str | None) -> Caller:
        key = self._keys.find(key_id)
        session = key.session if key else None
        if key is None or not key.active or (session.token if session else None) != token:
            raise AwsError("InvalidClientTokenId", "The security token included in the request is invalid.", status=403)
        if session and session.expires_at <= datetime.fromtimestamp(self._access.now(), UTC):
            raise AwsError("ExpiredToken", "The security token included in the request is expired", status=403)
        return Caller(key)

    def _next_request_id(self) -> str:
        self._requests += 1
        return f"{self._world}-0000-4000-8000-{self._requests:012x}"
