"""What an injected error looks like on each platform's wire, so that the platform's own SDK takes it for real.

The operation's prefix (``kubernetes.``, ``lambda.``, ``iam.``, ...) says whose wire it is. Shapes: Kubernetes
``meta/v1 Status``; AWS rest-json (lambda), query XML (iam, sts), JSON 1.1 (tagging), JSON 1.0 or RPC v2 CBOR as it was
asked (cloudwatch); LaunchDarkly ``{code, message}``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from aiohttp import web


@dataclass(frozen=True, slots=True)
class _Error:
    """An error before it has a shape."""

    status: int
    code: str
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""
    """Lambda's ``Reason`` beside a 429."""
    retry_after: float | None = None


def error_answer(
    operation: str, status: int, *, code: str, message: str, body: str | None, asked_in: str
) -> web.Response:
    """An error of that status in the operation's platform's shape; ``body`` replaces the shape.

    ``asked_in`` is the content type of the request: some services speak several protocols.
    """
    platform = operation.partition(".")[0]
    error = _Error(
        status,
        code or _CODES.get(platform, {}).get(status, _FALLBACK.get(platform, "InternalError")),
        message or f"injected fault: {status}",
    )
    return _shape(platform, error, body, asked_in)


def throttle_answer(
    operation: str,
    *,
    status: int | None,
    code: str,
    message: str,
    body: str | None,
    retry_after: float | None,
    asked_in: str,
    now: float,
) -> web.Response:
    """A platform's "slow down", with the header or field in which it says for how long (seconds)."""
    platform = operation.partition(".")[0]
    headers = {}
    if retry_after is not None:
        headers["Retry-After"] = f"{math.ceil(retry_after)}"
        if platform == "launchdarkly":
            headers["X-Ratelimit-Reset"] = f"{int((now + retry_after) * 1000)}"
    error = _Error(
        status or _THROTTLE_STATUS.get(platform, 429),
        code or _THROTTLE_CODES.get(platform, "TooManyRequests"),
        message or "Rate exceeded",
        headers,
        reason="CallerRateLimitExceeded",
        retry_after=retry_after,
    )
    return _shape(platform, error, body, asked_in)


_CBOR = "application/cbor"
_THROTTLE_STATUS = {
    "iam": 400,
    "sts": 400,
    "tagging": 400,
    "cloudwatch": 400,
    "cloudtrail": 400,
    "application-autoscaling": 400,
}
_THROTTLE_CODES = {
    "lambda": "TooManyRequestsException",
    "iam": "Throttling",
    "sts": "Throttling",
    "tagging": "ThrottledException",
    "cloudwatch": "Throttling",
    "cloudtrail": "ThrottlingException",
    "application-autoscaling": "ThrottlingException",
    "cloudfront": "Throttling",
    "launchdarkly": "rate_limited",
}
_CODES: dict[str, dict[int, str]] = {
    "kubernetes": {
        400: "BadRequest",
        401: "Unauthorized",
        403: "Forbidden",
        404: "NotFound",
        409: "Conflict",
        410: "Expired",
        422: "Invalid",
        429: "TooManyRequests",
        503: "ServiceUnavailable",
        504: "Timeout",
    },
    "lambda": {
        400: "InvalidParameterValueException",
        401: "UnrecognizedClientException",
        403: "AccessDeniedException",
        404: "ResourceNotFoundException",
        409: "ResourceConflictException",
    },
    "iam": {
        400: "ValidationError",
        401: "InvalidClientTokenId",
        403: "AccessDenied",
        404: "NoSuchEntity",
        409: "LimitExceeded",
    },
    "sts": {401: "InvalidClientTokenId", 403: "AccessDenied"},
    "tagging": {400: "InvalidParameterException", 403: "AccessDeniedException"},
    "cloudwatch": {403: "AccessDenied"},
    "cloudtrail": {403: "AccessDeniedException"},
    "application-autoscaling": {403: "AccessDeniedException"},
    "eks": {403: "AccessDeniedException"},
    "cloudfront": {403: "AccessDenied"},
    "launchdarkly": {
        400: "invalid_request",
        401: "unauthorized",
        403: "forbidden",
        404: "not_found",
        405: "method_not_allowed",
        409: "optimistic_locking_error",
    },
}
_FALLBACK = {"lambda": "ServiceException", "iam": "ServiceFailure", "sts": "ServiceFailure", "launchdarkly": "internal"}


def _shape(platform: str, error: _Error, body: str | None, asked_in: str) -> web.Response:
    if body is not None:
        return web.Response(status=error.status, text=body, headers=error.headers)
    if platform == "cloudwatch" and asked_in == _CBOR:
        return _cbor(error)
    return _SHAPES.get(platform, _plain)(error)


def _kubernetes(error: _Error) -> web.Response:
    details = {} if error.retry_after is None else {"retryAfterSeconds": math.ceil(error.retry_after)}
    status = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": error.message,
        "reason": error.code,
        "details": details,
        "code": error.status,
    }
    return web.json_response(status, status=error.status, headers=error.headers)


def _lambda(error: _Error) -> web.Response:
    content = {"Type": "User" if error.status < 500 else "Service", "message": error.message}
    if error.reason:
        content["Reason"] = error.reason
    headers = {**error.headers, "x-amzn-ErrorType": error.code}
    return web.json_response(content, status=error.status, headers=headers)


def _query(error: _Error) -> web.Response:
    kind = "Sender" if error.status < 500 else "Receiver"
    text = (
        '<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error>'
        f"<Type>{kind}</Type><Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>"
        "</Error><RequestId>00000000-0000-4000-8000-000000000000</RequestId></ErrorResponse>"
    )
    return web.Response(text=text, status=error.status, headers=error.headers, content_type="text/xml")


def _json(error: _Error) -> web.Response:
    text = json.dumps({"__type": error.code, "message": error.message})
    return web.Response(
        text=text, status=error.status, headers=error.headers, content_type="application/x-amz-json-1.1"
    )


def _cbor(error: _Error) -> web.Response:
    import cbor2

    body = cbor2.dumps({"__type": error.code, "message": error.message})
    headers = {**error.headers, "smithy-protocol": "rpc-v2-cbor"}
    return web.Response(body=body, status=error.status, headers=headers, content_type=_CBOR)


def _plain(error: _Error) -> web.Response:
    """LaunchDarkly's shape, and that of whatever is not known."""
    return web.json_response({"code": error.code, "message": error.message}, status=error.status, headers=error.headers)


_SHAPES: dict[str, Callable[[_Error], web.Response]] = {
    "kubernetes": _kubernetes,
    "lambda": _lambda,
    "iam": _query,
    "sts": _query,
    "tagging": _json,
    "cloudwatch": _json,
    "cloudtrail": _json,
    "application-autoscaling": _json,
    "eks": _lambda,
    "cloudfront": _query,
}
