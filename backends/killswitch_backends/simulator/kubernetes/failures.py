"""Errors as a Kubernetes API server says them: a ``Status`` object with code, reason and details.

The words are the real server's (apimachinery's api/errors), since clients and people match on them.
"""

from __future__ import annotations

from typing import Any

from killswitch_backends.simulator.kubernetes.kinds import Kind


class ApiFailure(Exception):
    """A request that is answered with a failure ``Status``."""

    def __init__(self, code: int, reason: str, message: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code, self.reason, self.message, self.details = code, reason, message, details

    def status(self) -> dict[str, Any]:
        """The Status object of this failure."""
        status: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
        }
        if self.details is not None:
            status["details"] = self.details
        status["code"] = self.code
        return status


def _about(kind: Kind, name: str, **more: Any) -> dict[str, Any]:
    details: dict[str, Any] = {"name": name} if name else {}
    if kind.group:
        details["group"] = kind.group
    return {**details, "kind": kind.plural, **more}


def not_found(kind: Kind, name: str) -> ApiFailure:
    return ApiFailure(404, "NotFound", f'{kind.qualified} "{name}" not found', _about(kind, name))


def no_such_path() -> ApiFailure:
    return ApiFailure(404, "NotFound", "the server could not find the requested resource", {})


def already_exists(kind: Kind, name: str) -> ApiFailure:
    return ApiFailure(409, "AlreadyExists", f'{kind.qualified} "{name}" already exists', _about(kind, name))


def conflict(kind: Kind, name: str, why: str = "") -> ApiFailure:
    why = why or "the object has been modified; please apply your changes to the latest version and try again"
    message = f'Operation cannot be fulfilled on {kind.qualified} "{name}": {why}'
    return ApiFailure(409, "Conflict", message, _about(kind, name))


def invalid(kind: Kind, name: str, *causes: tuple[str, str, str]) -> ApiFailure:
    """A validation failure; each cause is (field, reason, message)."""
    words = [f"{field}: {message}" for field, _, message in causes]
    listed = words[0] if len(words) == 1 else "[" + ", ".join(words) + "]"
    details = _about(kind, name) | {"kind": kind.name}
    details["causes"] = [{"reason": reason, "message": message, "field": field} for field, reason, message in causes]
    return ApiFailure(422, "Invalid", f'{kind.qualified_kind} "{name}" is invalid: {listed}', details)


def patch_rejected() -> ApiFailure:
    """A JSON patch that does not apply, such as a failed ``test``: the server does not say which operation."""
    return ApiFailure(422, "Invalid", "the server rejected our request due to an error in our request", {})


def bad_request(message: str) -> ApiFailure:
    return ApiFailure(400, "BadRequest", message)


def unauthorized() -> ApiFailure:
    return ApiFailure(401, "Unauthorized", "Unauthorized")


def forbidden(kind: Kind, name: str, why: str) -> ApiFailure:
    about = f'{kind.qualified} "{name}"' if name else kind.qualified
    return ApiFailure(403, "Forbidden", f"{about} is forbidden: {why}", _about(kind, name))


def method_not_allowed() -> ApiFailure:
    message = "the server does not allow this method on the requested resource"
    return ApiFailure(405, "MethodNotAllowed", message, {})


def unsupported_media_type(offered: str, accepted: tuple[str, ...]) -> ApiFailure:
    message = (
        f"the body of the request was in an unknown format - accepted media types include: {', '.join(accepted)}"
        if offered
        else "a content type is required"
    )
    return ApiFailure(415, "UnsupportedMediaType", message, {})


def expired(message: str) -> ApiFailure:
    return ApiFailure(410, "Expired", message)


def version_too_large(asked: int, current: int) -> ApiFailure:
    message = f"Too large resource version: {asked}, current: {current}"
    details = {"causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]}
    return ApiFailure(504, "Timeout", message, {**details, "retryAfterSeconds": 1})
