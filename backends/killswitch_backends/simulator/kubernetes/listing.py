"""Lists: selectors, ``limit`` and ``continue`` over one consistent version, and ``resourceVersionMatch``."""

from __future__ import annotations

import base64
import binascii
import bisect
import itertools
import json
from dataclasses import dataclass

from aiohttp import web

from killswitch_backends.simulator.kubernetes.answers import Shape, json_answer, metadata_object, wanted_shape
from killswitch_backends.simulator.kubernetes.failures import ApiFailure, bad_request, expired, version_too_large
from killswitch_backends.simulator.kubernetes.kinds import Kind
from killswitch_backends.simulator.kubernetes.objects import JsonObject, Stored, dumps
from killswitch_backends.simulator.kubernetes.requests import Call, number
from killswitch_backends.simulator.kubernetes.selectors import matcher
from killswitch_backends.simulator.kubernetes.storage import Store
from killswitch_backends.simulator.kubernetes.tables import table

_EXPIRED = (
    "The provided continue parameter is too old to display a consistent list result. You must start a new list without "
    "the continue parameter."
)


@dataclass(frozen=True, slots=True)
class Page:
    """Part of a list: the objects, the version they are of, and where the next part starts."""

    objects: list[Stored]
    version: int
    next_token: str = ""
    remaining: int | None = None

    def meta(self) -> JsonObject:
        """The list's metadata."""
        meta: JsonObject = {"resourceVersion": str(self.version)}
        if self.next_token:
            meta["continue"] = self.next_token
            if self.remaining is not None:
                meta["remainingItemCount"] = self.remaining
        return meta


def answer_list(store: Store, call: Call, request: web.Request) -> web.Response:
    """Answer a LIST. Raises an ``ApiFailure`` for selectors, tokens or versions that cannot be served."""
    page = read_page(store, call, request)
    shape = wanted_shape(request)
    if shape is Shape.TABLE:
        include = request.query.get("includeObject", "Metadata")
        return json_answer(dumps(table(call.kind, page.objects, page.meta(), include)))
    if shape is Shape.METADATA:
        items = b",".join(dumps(metadata_object(stored)) for stored in page.objects)
        return json_answer(_list_body("PartialObjectMetadataList", "meta.k8s.io/v1", page, items))
    items = b",".join([stored.item() for stored in page.objects])
    return json_answer(_list_body(f"{call.kind.name}List", call.kind.api_version, page, items))


def _list_body(name: str, api_version: str, page: Page, items: bytes) -> bytes:
    head = dumps({"kind": name, "apiVersion": api_version, "metadata": page.meta()})
    return head[:-1] + b',"items":[' + items + b"]}"


def selection(store: Store, call: Call, request: web.Request) -> list[Stored]:
    """What a collection request (list, deletecollection) selects now, in key order."""
    objects = _in_namespace(store, call, store.version)
    return _selected(objects, call.kind, request)


def read_page(store: Store, call: Call, request: web.Request) -> Page:
    """Read one page as the query asks for it."""
    limit = number(request, "limit") or 0
    token = request.query.get("continue", "")
    start: tuple[str, str] | None = None
    if token:
        if request.query.get("resourceVersion", "0") != "0":
            raise bad_request("specifying resource version is not allowed when using continue")
        version, start = _read_token(token)
    else:
        version = _asked_version(store, request)
    try:
        ahead = _in_namespace(store, call, version)
    except ApiFailure as failure:
        raise (expired(_EXPIRED) if token and failure.code == 410 else failure) from None
    if start is not None:
        ahead = ahead[bisect.bisect_right(ahead, start, key=_by_key) :]
    objects = _selected(ahead, call.kind, request, most=limit + 1 if limit else None)
    if not limit or len(objects) <= limit:
        return Page(objects, version)
    filtered = "labelSelector" in request.query or "fieldSelector" in request.query
    left = None if filtered else len(ahead) - limit
    return Page(objects[:limit], version, _write_token(version, objects[limit - 1].key), left)


def _asked_version(store: Store, request: web.Request) -> int:
    """The version a list is to be of: the current one, unless an exact one is asked for."""
    asked, match = number(request, "resourceVersion"), request.query.get("resourceVersionMatch", "")
    if match not in ("", "Exact", "NotOlderThan"):
        raise bad_request(f'resourceVersionMatch: Unsupported value: "{match}"')
    if match and asked is None:
        raise bad_request(
            "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is set"
        )
    if match == "Exact" and not asked:
        raise bad_request('resourceVersionMatch: Forbidden: "Exact" is forbidden for resourceVersion "0"')
    if asked is not None and asked > store.version:
        raise version_too_large(asked, store.version)
    exact = match == "Exact" or (asked and not match and "limit" in request.query)
    return asked if exact and asked else store.version


def _in_namespace(store: Store, call: Call, version: int) -> list[Stored]:
    if version != store.version:
        past = store.at_version(call.kind, version).values()
        found = [stored for stored in past if not call.namespace or stored.namespace == call.namespace]
    elif call.namespace:
        found = list(store.table(call.kind).objects.get(call.namespace, {}).values())
    else:
        found = list(store.table(call.kind))
    found.sort(key=_by_key)
    return found


def _by_key(stored: Stored) -> tuple[str, str]:
    return stored.namespace, stored.name


def _selected(objects: list[Stored], kind: Kind, request: web.Request, *, most: int | None = None) -> list[Stored]:
    """Those that the selectors match, the first ``most`` of them: a page does not look at what is behind it."""
    matches = matcher(request.query.get("labelSelector", ""), request.query.get("fieldSelector", ""), kind)
    return objects[:most] if matches is None else list(itertools.islice(filter(matches, objects), most))


def _write_token(version: int, key: tuple[str, str]) -> str:
    content = json.dumps({"v": "meta.k8s.io/v1", "rv": version, "start": key})
    return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")


def _read_token(token: str) -> tuple[int, tuple[str, str]]:
    try:
        content = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        namespace, name = content["start"]
        return int(content["rv"]), (str(namespace), str(name))
    except (binascii.Error, ValueError, KeyError, TypeError):
        raise bad_request("continue key is not valid") from None
