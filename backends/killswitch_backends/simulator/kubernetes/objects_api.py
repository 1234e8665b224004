"""The verbs on objects: get, create, update, patch, delete, deletecollection, and the scale and status subresources.

One call reads its body first and then works without an await, so that what it read of the store still holds.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from aiohttp import web

from killswitch_backends.simulator.kubernetes import kinds
from killswitch_backends.simulator.kubernetes.admission import changed_object, new_object
from killswitch_backends.simulator.kubernetes.answers import (
    Shape,
    json_answer,
    metadata_object,
    object_answer,
    success_answer,
    value_answer,
    wanted_shape,
)
from killswitch_backends.simulator.kubernetes.deletion import Deleted, delete, read_options, settle
from killswitch_backends.simulator.kubernetes.failures import (
    bad_request,
    forbidden,
    no_such_path,
    not_found,
    unsupported_media_type,
)
from killswitch_backends.simulator.kubernetes.kinds import Kind
from killswitch_backends.simulator.kubernetes.listing import selection
from killswitch_backends.simulator.kubernetes.objects import JsonObject, Stored, dumps, loads, loads_object, typed
from killswitch_backends.simulator.kubernetes.patches import json_patch, merge_patch
from killswitch_backends.simulator.kubernetes.requests import Call, dry_run
from killswitch_backends.simulator.kubernetes.scale import scale_view, scaled
from killswitch_backends.simulator.kubernetes.storage import Store
from killswitch_backends.simulator.kubernetes.strategic import strategic_merge
from killswitch_backends.simulator.kubernetes.tables import table

_PATCHES: dict[str, Callable[[Any, Any], Any]] = {
    "application/json-patch+json": json_patch,
    "application/merge-patch+json": merge_patch,
    "application/strategic-merge-patch+json": strategic_merge,
}
_BODIES = ("application/json",)
_RETURNED_WHEN_GONE = frozenset({kinds.POD, kinds.SERVICE_ACCOUNT, kinds.RESOURCE_QUOTA, kinds.NAMESPACE})
"""Kinds whose deletion is answered with the object even when it is gone at once; the others with a Status."""


class ObjectsApi:
    """Answers calls on objects from the store."""

    def __init__(self, store: Store, rng: Random) -> None:
        self._store, self._rng = store, rng
        self._verbs: dict[str, Callable[[Call, web.Request, bytes], web.Response]] = {
            "get": self._get,
            "create": self._create,
            "update": self._update,
            "patch": self._patch,
            "delete": self._delete,
            "deletecollection": self._delete_collection,
        }

    def answer(self, call: Call, request: web.Request, body: bytes) -> web.Response:
        """Answer one call. Raises an ``ApiFailure`` for what the server refuses."""
        supported = ("", "status", *(("scale",) if call.kind.scale else ()))
        if call.subresource == "eviction" and call.kind is kinds.POD:
            return self._evict(call, request, body)
        if call.subresource not in supported or call.verb not in self._verbs:
            raise no_such_path()
        if call.verb != "patch" and "Content-Type" in request.headers and request.content_type not in _BODIES:
            raise unsupported_media_type(request.content_type, _BODIES)
        return self._verbs[call.verb](call, request, body)

    def _existing(self, call: Call) -> Stored:
        stored = self._store.get(call.kind, call.namespace, call.name)
        if stored is None:
            raise not_found(call.kind, call.name)
        return stored

    def _get(self, call: Call, request: web.Request, body: bytes) -> web.Response:  # noqa: ARG002 - one shape for all
        stored = self._existing(call)
        if call.subresource == "scale":
            return json_answer(dumps(scale_view(stored, stored.value)))
        match wanted_shape(request):
            case Shape.TABLE:
                include = request.query.get("includeObject", "Metadata")
                meta = {"resourceVersion": stored.meta["resourceVersion"]}
                return json_answer(dumps(table(call.kind, [stored], meta, include)))
            case Shape.METADATA:
                return json_answer(dumps(metadata_object(stored)))
        return object_answer(stored)

    def _create(self, call: Call, request: web.Request, body: bytes) -> web.Response:
        kind = call.kind
        value = new_object(kind, loads_object(body), call.namespace, self._rng)
        if kind.namespaced:
            self._check_namespace(kind, value["metadata"]["name"], call.namespace)
        if dry_run(request):
            if self._store.get(kind, call.namespace, value["metadata"]["name"]):
                self._store.insert(kind, value)  # raises AlreadyExists
            return value_answer(kind, value, 201)
        return object_answer(self._store.insert(kind, value), 201)

    def _check_namespace(self, kind: Kind, name: str, namespace: str) -> None:
        found = self._store.get(kinds.NAMESPACE, "", namespace)
        if found is None:
            raise not_found(kinds.NAMESPACE, namespace)
        if found.deleting:
            why = f"unable to create new content in namespace {namespace} because it is being terminated"
            raise forbidden(kind, name, why)

    def _update(self, call: Call, request: web.Request, body: bytes) -> web.Response:
        old, asked = self._existing(call), loads_object(body)
        if call.subresource == "scale":
            return self._stored_scale(old, scaled(old, asked), request)
        return self._stored(old, changed_object(old, asked, subresource=call.subresource), request)

    def _patch(self, call: Call, request: web.Request, body: bytes) -> web.Response:
        apply = _PATCHES.get(request.content_type)
        if apply is None or (apply is strategic_merge and call.kind.custom):
            raise unsupported_media_type(request.headers.get("Content-Type", ""), tuple(_PATCHES))
        old, patch = self._existing(call), loads(body)
        scale = call.subresource == "scale"
        before = scale_view(old, old.value) if scale else typed(old.kind, old.value)
        after = apply(before, patch)
        if not isinstance(after, dict):
            raise bad_request("the patched object is not a JSON object")
        if scale:
            return self._stored_scale(old, scaled(old, after), request)
        return self._stored(old, changed_object(old, after, subresource=call.subresource), request)

    def _stored(self, old: Stored, value: JsonObject, request: web.Request) -> web.Response:
        if dry_run(request):
            return value_answer(old.kind, value)
        return object_answer(settle(self._store, self._store.replace(old, value)))

    def _stored_scale(self, old: Stored, value: JsonObject, request: web.Request) -> web.Response:
        if not dry_run(request):
            value = self._store.replace(old, value).value
        return json_answer(dumps(scale_view(old, value)))

    def _delete(self, call: Call, request: web.Request, body: bytes) -> web.Response:
        if call.subresource:
            raise no_such_path()
        options = read_options(loads_object(body) if body else {}, request)
        return _deleted_answer(delete(self._store, self._existing(call), options))

    def _delete_collection(self, call: Call, request: web.Request, body: bytes) -> web.Response:
        options = read_options(loads_object(body) if body else {}, request)
        gone = [delete(self._store, stored, options).stored for stored in selection(self._store, call, request)]
        head = {"kind": f"{call.kind.name}List", "apiVersion": call.kind.api_version}
        listed = dumps({**head, "metadata": {"resourceVersion": str(self._store.version)}})
        return json_answer(listed[:-1] + b',"items":[' + b",".join(stored.item() for stored in gone) + b"]}")

    def _evict(self, call: Call, request: web.Request, body: bytes) -> web.Response:
        options = read_options(loads_object(body).get("deleteOptions") or {}, request)
        delete(self._store, self._existing(call), options)
        success = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}
        return json_answer(dumps(success), 201)


def _deleted_answer(deleted: Deleted) -> web.Response:
    stored = deleted.stored
    if deleted.gone and stored.kind not in _RETURNED_WHEN_GONE:
        return success_answer(stored.kind, stored.name, stored.uid)
    return object_answer(stored)
