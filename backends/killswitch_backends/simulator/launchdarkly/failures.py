"""The error answers of LaunchDarkly's REST API: ``{code, message, id}`` (openapi ``*ErrorRep``)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from aiohttp import web


class RefusedRequest(Exception):
    """A request that the API answers with an error; nothing was changed."""

    status = 400
    code = "invalid_request"

    def __init__(self, message: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.headers = dict(headers or {})

    def response(self) -> web.Response:
        """The answer as it goes over the wire."""
        body = {"code": self.code, "message": self.message, "id": str(uuid.uuid4())}
        return web.json_response(body, status=self.status, headers=self.headers)


class InvalidRequest(RefusedRequest):
    """400: the request cannot be understood, or an instruction in it is invalid."""


class Unauthorized(RefusedRequest):
    """401: no token, or one that is not known."""

    status, code = 401, "unauthorized"


class Forbidden(RefusedRequest):
    """403: a known token without the right."""

    status, code = 403, "forbidden"


class NotFound(RefusedRequest):
    """404: no such project, environment, flag or token."""

    status, code = 404, "not_found"


class ApprovalRequired(RefusedRequest):
    """405: the environment takes changes through approval requests only."""

    status, code = 405, "method_not_allowed"


class Conflict(RefusedRequest):
    """409: another change to the same flag is under way."""

    status, code = 409, "optimistic_locking_error"


class KeyTaken(RefusedRequest):
    """409: a flag of that key exists."""

    status, code = 409, "conflict"


class RateLimited(RefusedRequest):
    """429: the window is used up."""

    status, code = 429, "rate_limited"
