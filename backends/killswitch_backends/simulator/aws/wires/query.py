"""The query protocol of IAM and STS: form parameters in, XML out.

Source: https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from aiohttp import web

from killswitch_backends.simulator.aws.calls import Answer, Members, members
from killswitch_backends.simulator.aws.errors import AwsError

_STATUS_OF_SENDER = 500


class QueryWire:
    """The protocol under one service's XML namespace and API version."""

    def __init__(self, *, namespace: str) -> None:
        self._namespace = namespace

    def decode(self, request: web.BaseRequest, body: bytes) -> tuple[str, Members]:
        pairs = parse_qsl(body.decode(), keep_blank_values=True) or list(request.query.items())
        params = _nested(pairs)
        action = params.pop("Action", None)
        if not isinstance(action, str):
            raise AwsError("MissingAction", "The request must contain the parameter Action")
        return action, params

    def encode(self, operation: str, answer: Answer, /, *, status: int, request_id: str) -> web.Response:
        out: list[str] = [f'<{operation}Response xmlns="{self._namespace}">']
        result = members(answer)
        if result is not None:
            _write(out, f"{operation}Result", result)
        out.append(f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{operation}Response>")
        return _xml("".join(out), status=status, request_id=request_id)

    def fail(self, error: AwsError, *, request_id: str) -> web.Response:
        side = "Sender" if error.status < _STATUS_OF_SENDER else "Receiver"
        text = (
            f'<ErrorResponse xmlns="{self._namespace}"><Error><Type>{side}</Type><Code>{escape(error.code)}</Code>'
            f"<Message>{escape(error.message)}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>"
        )
        return _xml(text, status=error.status, request_id=request_id, headers=error.headers)


def _xml(text: str, *, status: int, request_id: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(
        body=text.encode(),
        status=status,
        content_type="text/xml",
        headers={"x-amzn-RequestId": request_id} | (headers or {}),
    )


def _nested(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """``Tags.member.1.Key=agent`` as ``{"Tags": [{"Key": "agent"}]}``."""
    root: dict[str, Any] = {}
    for name, value in pairs:
        node, parts = root, name.split(".")
        for part in parts[:-1]:
            node = node.setdefault(part, {})
            if not isinstance(node, dict):
                raise AwsError("MalformedQueryString", f"The parameter {name} conflicts with another")
        node[parts[-1]] = value
    return {name: _lists(value) for name, value in root.items() if name != "Version"}


def _lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    listed = value.get("member")
    if isinstance(listed, dict) and len(value) == 1:
        return [_lists(listed[index]) for index in sorted(listed, key=int)]
    if value.keys() == {""}:  # an empty list is sent as "Tags="
        return []
    return {name: _lists(member) for name, member in value.items()}


def _write(out: list[str], name: str, value: Any) -> None:
    if isinstance(value, dict):
        out.append(f"<{name}>")
        for key, member in value.items():
            _write(out, key, member)
        out.append(f"</{name}>")
    elif isinstance(value, list):
        out.append(f"<{name}>")
        for member in value:
            _write(out, "member", member)
        out.append(f"</{name}>")
    else:
        out.append(f"<{name}>{_scalar(value)}</{name}>")


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    return escape(str(value))
