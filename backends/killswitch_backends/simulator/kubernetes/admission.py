"""What happens to an object between a request's body and the store: identity, defaults, generation, validation.

(The apiserver's registry strategies, ``PrepareForCreate`` and ``PrepareForUpdate``.)
"""

from __future__ import annotations

from random import Random

from killswitch_backends.simulator.kubernetes import kinds
from killswitch_backends.simulator.kubernetes.defaults import with_defaults
from killswitch_backends.simulator.kubernetes.failures import bad_request, conflict
from killswitch_backends.simulator.kubernetes.kinds import Kind
from killswitch_backends.simulator.kubernetes.objects import (
    JsonObject,
    Stored,
    name_suffix,
    new_uid,
    timestamp,
    without_nulls,
)
from killswitch_backends.simulator.kubernetes.shapes import check_shape
from killswitch_backends.simulator.kubernetes.validation import check_change, check_new

_SYSTEM_FIELDS = (
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
)
"""Metadata that only the server writes."""


def untyped(kind: Kind, body: JsonObject) -> JsonObject:
    """A request's object without its type. Raises a 400 ``ApiFailure`` when it is of another type."""
    found = body.get("apiVersion", kind.api_version), body.get("kind", kind.name)
    if found != (kind.api_version, kind.name):
        raise bad_request(
            f"the API version and kind in the data ({found[0]}, {found[1]}) do not match the expected ones"
        )
    value = {key: member for key, member in body.items() if key not in ("apiVersion", "kind")}
    meta = value.setdefault("metadata", {})
    if not isinstance(meta, dict):
        raise bad_request("json: cannot unmarshal into Go struct field ObjectMeta.metadata")
    return value


def new_object(kind: Kind, body: JsonObject, namespace: str, rng: Random) -> JsonObject:
    """The object that creating ``body`` stores, complete but for its resourceVersion."""
    value = untyped(kind, body)
    meta = value["metadata"]
    if meta.get("namespace", namespace) != namespace and kind.namespaced:
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
    if meta.get("resourceVersion"):
        raise bad_request("resourceVersion should not be set on objects to be created")
    name = meta.get("name") or (f"{meta['generateName']}{name_suffix(rng)}" if meta.get("generateName") else "")
    if not isinstance(name, str) or not name:
        raise bad_request("name or generateName is required")
    kept = {key: member for key, member in meta.items() if key not in (*_SYSTEM_FIELDS, "managedFields")}
    value["metadata"] = {
        "name": name,
        **({"namespace": namespace} if kind.namespaced else {}),
        "uid": new_uid(rng),
        **({"generation": 1} if kind.generation else {}),
        "creationTimestamp": timestamp(),
        **kept,
    }
    if kind.status and not (kind.custom or kind is kinds.NODE):
        value["status"] = _FIRST_STATUS.get(kind, {})
    check_shape(kind, value)
    value = with_defaults(kind, _explicit(value))
    check_new(kind, value)
    return value


_NODE_COUNTS = ("currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady")
_FIRST_STATUS: dict[Kind, JsonObject] = {
    kinds.POD: {"phase": "Pending", "qosClass": "BestEffort"},
    kinds.NAMESPACE: {"phase": "Active"},
    kinds.REPLICA_SET: {"replicas": 0},
    kinds.STATEFUL_SET: {"replicas": 0, "availableReplicas": 0},
    kinds.DAEMON_SET: dict.fromkeys(_NODE_COUNTS, 0),
    kinds.AUTOSCALER: {"desiredReplicas": 0, "currentMetrics": None},
}
"""Statuses as Go writes them before any controller has: fields without omitempty are there."""


def changed_object(old: Stored, body: JsonObject, *, subresource: str = "") -> JsonObject:
    """The next version of ``old`` that a PUT or a patched ``body`` asks for.

    Raises:
        ApiFailure: 409 when the body names another resourceVersion or uid, 400 for another name, 422 when invalid.
    """
    kind, meta = old.kind, old.meta
    value = untyped(kind, body)
    asked = value["metadata"]
    if asked.get("name", old.name) != old.name or asked.get("namespace", old.namespace) != old.namespace:
        found = asked.get("name", old.name)
        raise bad_request(f"the name of the object ({found}) does not match the name on the URL ({old.name})")
    if asked.get("resourceVersion") and asked["resourceVersion"] != meta["resourceVersion"]:
        raise conflict(kind, old.name)
    if asked.get("uid") and asked["uid"] != meta["uid"]:
        why = f"Precondition failed: UID in precondition: {asked['uid']}, UID in object meta: {meta['uid']}"
        raise conflict(kind, old.name, why)
    if subresource == "status":
        check_shape(kind, value)
        return {**old.value, "status": without_nulls(value.get("status") or {})}
    value["metadata"] = _kept_meta(meta, asked)
    if kind.status:
        value["status"] = old.value.get("status", {})
    check_shape(kind, value)
    value = with_defaults(kind, _explicit(value))
    check_change(kind, old, value)
    if kind.generation and value.get("spec") != old.value.get("spec"):
        value["metadata"]["generation"] = meta.get("generation", 0) + 1
    return value


def _explicit(value: JsonObject) -> JsonObject:
    """The object with a spec that has no nulls."""
    spec = without_nulls(value.get("spec"))
    return value if spec is value.get("spec") else {**value, "spec": spec}


def _kept_meta(old: JsonObject, asked: JsonObject) -> JsonObject:
    """The asked metadata with the server's own fields as they were, and empty maps left out as Go leaves them out."""
    kept = {
        key: member
        for key, member in asked.items()
        if key not in _SYSTEM_FIELDS and key != "managedFields" and (member or key not in _OMIT_EMPTY)
    }
    return {**{key: old[key] for key in _SYSTEM_FIELDS if key in old}, **kept}


_OMIT_EMPTY = frozenset({"labels", "annotations", "ownerReferences", "finalizers"})
