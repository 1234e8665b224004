"""CloudFront's protocol: resources in the path, XML in the body. A list's members are elements of their own name.

Source: https://smithy.io/2.0/aws/protocols/aws-restxml-protocol.html, botocore's service model cloudfront/2020-05-31
"""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from aiohttp import web

from killswitch_backends.simulator.aws.calls import Answer, Members, members
from killswitch_backends.simulator.aws.errors import AwsError

_NAMESPACE = "http://cloudfront.amazonaws.com/doc/2020-05-31/"
_OPERATIONS = {
    ("GET", "/2020-05-31/distribution"): "ListDistributions",
    ("POST", "/2020-05-31/distribution"): "CreateDistribution",
}
_STATUS_OF_SENDER = 500


class CloudFrontWire:
    """The protocol of the one service here that speaks it."""

    def decode(self, request: web.BaseRequest, body: bytes) -> tuple[str, Members]:
        path = "/" + request.path.rstrip("/").split("/", 2)[2]
        operation = _OPERATIONS.get((request.method, path))
        if operation is None:
            raise AwsError("InvalidAction", f"no operation at {request.method} {request.path}", status=404)
        params: dict[str, Any] = dict(request.query)
        if body:
            root = _parsed(body)
            params[_local(root)] = _value(root)
        return operation, params

    def encode(self, _operation: str, answer: Answer, /, *, status: int, request_id: str) -> web.Response:
        ((name, value),) = (members(answer) or {}).items()
        return _xml(_element(name, value, namespace=True), status=status, request_id=request_id)

    def fail(self, error: AwsError, *, request_id: str) -> web.Response:
        side = "Sender" if error.status < _STATUS_OF_SENDER else "Receiver"
        text = (
            f'<ErrorResponse xmlns="{_NAMESPACE}"><Error><Type>{side}</Type><Code>{escape(error.code)}</Code>'
            f"<Message>{escape(error.message)}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>"
        )
        return _xml(text, status=error.status, request_id=request_id)


def _parsed(body: bytes) -> ET.Element:
    try:
        return ET.fromstring(body)  # noqa: S314 - only neighbours on this machine are answered
    except ET.ParseError:
        raise AwsError("MalformedXML", "The XML document is not well-formed.") from None


def _local(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _value(element: ET.Element) -> Any:
    """An element as text, as a structure, or (``Items``) as a list of ``{name: value}``."""
    children = list(element)
    if _local(element) == "Items":
        return [{_local(child): _value(child)} for child in children]
    return {_local(child): _value(child) for child in children} if children else (element.text or "")


def _element(name: str, value: Any, *, namespace: bool = False) -> str:
    opening = f'{name} xmlns="{_NAMESPACE}"' if namespace else name
    if isinstance(value, dict):
        inner = "".join(_element(key, member) for key, member in value.items())
    elif isinstance(value, list):  # of ``{name: value}``
        inner = "".join(_element(key, member) for item in value for key, member in item.items())
    elif isinstance(value, bool):
        inner = "true" if value else "false"
    else:
        inner = escape(str(value))
    return f"<{opening}>{inner}</{name}>"


def _xml(text: str, *, status: int, request_id: str) -> web.Response:
    headers = {"x-amzn-RequestId": request_id}
    return web.Response(body=text.encode(), status=status, content_type="text/xml", headers=headers)
