"""The RPC protocols: JSON 1.1 (tagging), JSON 1.0 (CloudWatch as boto3 asks it) and Smithy RPC v2 CBOR (CloudWatch).

Sources: https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html,
https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from aiohttp import web

from killswitch_backends.simulator.aws.calls import Answer, Members, members
from killswitch_backends.simulator.aws.errors import AwsError

TAGGING_CODES = {
    "AccessDenied": "AccessDeniedException",
    "InvalidClientTokenId": "UnrecognizedClientException",
    "ExpiredToken": "ExpiredTokenException",
    "MissingAuthenticationToken": "MissingAuthenticationTokenException",
    "Throttling": "ThrottledException",
    "ValidationError": "InvalidParameterException",
}
"""How the tagging API spells the codes of errors; CloudWatch keeps the query protocol's (``awsQueryCompatible``)."""


class JsonWire:
    """JSON 1.0 or 1.1: the operation in ``X-Amz-Target``."""

    def __init__(self, *, version: str, codes: Mapping[str, str] | None = None) -> None:
        self._codes = codes or {}
        self._content_type = f"application/x-amz-json-{version}"

    def decode(self, request: web.BaseRequest, body: bytes) -> tuple[str, Members]:
        operation = request.headers.get("X-Amz-Target", "").rpartition(".")[2]
        try:
            params = json.loads(body or b"{}")
        except ValueError:
            raise AwsError("SerializationException", "The request body is not JSON") from None
        if not operation or not isinstance(params, dict):
            raise AwsError("UnknownOperationException", "The request names no operation")
        return operation, params

    def encode(self, _operation: str, answer: Answer, /, *, status: int, request_id: str) -> web.Response:
        return self._response(members(answer) or {}, status=status, request_id=request_id)

    def fail(self, error: AwsError, *, request_id: str) -> web.Response:
        body = {"__type": self._codes.get(error.code, error.code), "Message": error.message}
        return self._response(body, status=400, request_id=request_id)

    def _response(self, body: Members, *, status: int, request_id: str) -> web.Response:
        return web.Response(
            body=json.dumps(body, default=_seconds).encode(),
            status=status,
            content_type=self._content_type,
            headers={"x-amzn-RequestId": request_id},
        )


def _seconds(value: object) -> float:
    """A timestamp as the JSON protocols carry it."""
    if isinstance(value, datetime):
        return value.timestamp()
    raise TypeError(f"{value!r} cannot be sent as JSON")


class CborWire:
    """Smithy RPC v2 CBOR: the operation is the last part of the path."""

    def decode(self, request: web.BaseRequest, body: bytes) -> tuple[str, Members]:
        import cbor2

        try:
            params = cbor2.loads(body) if body else {}
        except cbor2.CBORDecodeError:
            raise AwsError("SerializationException", "The request body is not CBOR") from None
        operation = request.path.rpartition("/operation/")[2]
        if "/operation/" not in request.path or not isinstance(params, dict):
            raise AwsError("UnknownOperationException", "The request names no operation", status=404)
        return operation, params

    def encode(self, _operation: str, answer: Answer, /, *, status: int, request_id: str) -> web.Response:
        return _cbor(members(answer) or {}, status=status, request_id=request_id)

    def fail(self, error: AwsError, *, request_id: str) -> web.Response:
        body = {"__type": f"com.amazonaws.cloudwatch#{error.code}", "message": error.message}
        return _cbor(body, status=error.status, request_id=request_id)


def _cbor(body: Members, *, status: int, request_id: str) -> web.Response:
    import cbor2

    return web.Response(
        body=cbor2.dumps(body, datetime_as_timestamp=True),
        status=status,
        content_type="application/cbor",
        headers={"smithy-protocol": "rpc-v2-cbor", "x-amzn-RequestId": request_id},
    )
