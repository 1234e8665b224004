"""What every REST handler does: token, rate limit, fault, handler, fault again after a change, errors in one format."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from aiohttp import web

from killswitch_backends.simulator.launchdarkly.accounts import CALLERS, Caller
from killswitch_backends.simulator.launchdarkly.failures import Forbidden, InvalidRequest, RefusedRequest, Unauthorized
from killswitch_backends.simulator.launchdarkly.flags import Json
from killswitch_backends.simulator.launchdarkly.limits import RateLimits
from killswitch_backends.simulator.seams import Faults

NO_CONTENT = 204

API_VERSION = "20240415"
"""The version that is served, whatever ``LD-API-Version`` asks for; older ones are refused as ended."""

Handler = Callable[[web.Request, Caller], Awaitable[Json]]
"""Gives the JSON to answer; raises ``RefusedRequest``."""


@dataclass(frozen=True, slots=True)
class Operations:
    """Wraps handlers into the operations of one API."""

    faults: Faults
    limits: RateLimits

    def reads(self, operation: str, handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        return self._wrapped(operation, handler, writes=False, status=200)

    def writes(
        self, operation: str, handler: Handler, *, status: int = 200
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        return self._wrapped(operation, handler, writes=True, status=status)

    def _wrapped(
        self, operation: str, handler: Handler, *, writes: bool, status: int
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def serve(request: web.Request) -> web.StreamResponse:
            refusal = await self.faults.strike(operation)
            if refusal is not None:
                return refusal
            caller = _caller(request, writes=writes)
            headers = {**self.limits.spend(operation), "LD-API-Version": API_VERSION}
            try:
                body = await handler(request, caller)
            except RefusedRequest as error:
                error.headers.update(headers)
                raise
            if writes:
                refusal = await self.faults.strike(operation, applied=True)
            if refusal is not None:
                return refusal
            if status == NO_CONTENT:
                return web.Response(status=status, headers=headers)
            return web.json_response(body, status=status, headers=headers)

        return serve


@web.middleware
async def errors(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Answer refusals, and paths that do not exist, in the API's own format."""
    try:
        return await handler(request)
    except RefusedRequest as error:
        return error.response()
    except web.HTTPNotFound:
        return web.json_response({"code": "not_found", "message": "Invalid resource identifier"}, status=404)
    except web.HTTPMethodNotAllowed:
        return web.json_response({"code": "method_not_allowed", "message": "Method not allowed"}, status=405)


def _caller(request: web.Request, *, writes: bool) -> Caller:
    caller = CALLERS.get(request.headers.get("Authorization", ""))
    if caller is None:
        raise Unauthorized("Invalid access token")
    if writes and not caller.writes:
        raise Forbidden("Forbidden. Access to the requested resource was denied.")
    version = request.headers.get("LD-API-Version", API_VERSION)
    if version not in (API_VERSION, "beta"):
        raise InvalidRequest(f"LD-API-Version {version} is not supported")
    return caller


async def json_body(request: web.Request) -> Json:
    """The request's body.

    Raises:
        InvalidRequest: when it is no JSON.
    """
    try:
        return json.loads(await request.read())
    except ValueError as error:
        raise InvalidRequest("Unable to parse the request body as JSON") from error


def number(query: Mapping[str, str], name: str, default: int, *, low: int = 0, high: int | None = None) -> int:
    """A whole number of the query string.

    Raises:
        InvalidRequest: when it is none, or out of bounds.
    """
    text = query.get(name, str(default))
    if not text.lstrip("-").isdigit() or int(text) < low or (high is not None and int(text) > high):
        raise InvalidRequest(f"{name} must be a number from {low}" + (f" to {high}" if high is not None else ""))
    return int(text)
