"""Answers as the API server forms them: JSON bytes, Status objects, and what a client says it can read."""

from __future__ import annotations

from enum import Enum, auto

from aiohttp import web

from killswitch_backends.simulator.kubernetes.failures import ApiFailure
from killswitch_backends.simulator.kubernetes.kinds import Kind
from killswitch_backends.simulator.kubernetes.objects import JsonObject, Stored, dumps, typed

_JSON = "application/json"


class Shape(Enum):
    """In which of the server's shapes a client wants objects (its Accept header)."""

    OBJECT = auto()
    TABLE = auto()
    METADATA = auto()


def wanted_shape(request: web.Request) -> Shape:
    """The first shape the Accept header names that this server has; JSON objects otherwise."""
    accept = request.headers.get("Accept", "")
    if "as=" not in accept:
        return Shape.OBJECT
    for offer in accept.split(","):
        parts = {part.strip() for part in offer.split(";")}
        if "as=Table" in parts:
            return Shape.TABLE
        if parts & {"as=PartialObjectMetadata", "as=PartialObjectMetadataList"}:
            return Shape.METADATA
        if parts & {_JSON, "*/*"}:
            break
    return Shape.OBJECT


def json_answer(body: bytes, status: int = 200) -> web.Response:
    return web.Response(body=body, status=status, content_type=_JSON)


def object_answer(stored: Stored, status: int = 200) -> web.Response:
    return json_answer(stored.document(), status)


def value_answer(kind: Kind, value: JsonObject, status: int = 200) -> web.Response:
    """An object that is not stored, such as the outcome of a dry run."""
    return json_answer(dumps(typed(kind, value)), status)


def failure_answer(failure: ApiFailure) -> web.Response:
    answer = json_answer(dumps(failure.status()), failure.code)
    retry = (failure.details or {}).get("retryAfterSeconds")
    if retry is not None:
        answer.headers["Retry-After"] = str(retry)
    return answer


def success_answer(kind: Kind, name: str, uid: str) -> web.Response:
    """The Status that answers the deletion of an object that is gone at once."""
    details = {"name": name, "kind": kind.plural, "uid": uid, **({"group": kind.group} if kind.group else {})}
    status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
    return json_answer(dumps(status))


def metadata_object(stored: Stored) -> JsonObject:
    """An object as PartialObjectMetadata."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": stored.meta}
