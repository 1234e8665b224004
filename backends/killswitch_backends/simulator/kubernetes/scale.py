"""The ``/scale`` subresource: an autoscaling/v1 Scale seen through a workload's spec.replicas."""

from __future__ import annotations

from killswitch_backends.simulator.kubernetes.failures import bad_request, conflict, invalid
from killswitch_backends.simulator.kubernetes.objects import JsonObject, Stored
from killswitch_backends.simulator.kubernetes.selectors import written

_SHARED = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")


def scale_view(stored: Stored, value: JsonObject) -> JsonObject:
    """The Scale of a workload whose content is ``value`` (the outcome of a dry run, perhaps).

    At zero the spec is empty, as Go's omitempty leaves it.
    """
    meta, replicas = value["metadata"], value["spec"].get("replicas", 0)
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {field: meta[field] for field in _SHARED if field in meta},
        "spec": {"replicas": replicas} if replicas else {},
        "status": {
            "replicas": stored.status.get("replicas", 0),
            "selector": written(value["spec"].get("selector") or {}),
        },
    }


def scaled(stored: Stored, scale: JsonObject) -> JsonObject:
    """The workload that a PUT or patched Scale asks for.

    Raises:
        ApiFailure: 409 for another resourceVersion or uid, 400 for other types, 422 for a negative number.
    """
    meta = scale.get("metadata") or {}
    spec = scale.get("spec") or {}
    if not isinstance(meta, dict) or not isinstance(spec, dict):
        raise bad_request("json: cannot unmarshal into Go struct field Scale")
    if meta.get("resourceVersion", stored.meta["resourceVersion"]) not in (stored.meta["resourceVersion"], ""):
        raise conflict(stored.kind, stored.name)
    if meta.get("uid", stored.uid) not in (stored.uid, ""):
        raise conflict(stored.kind, stored.name, "Precondition failed: UID in precondition differs")
    replicas = spec.get("replicas") or 0
    if type(replicas) is not int:
        raise bad_request("json: cannot unmarshal into Go struct field ScaleSpec.spec.replicas of type int32")
    if replicas < 0:
        message = f"Invalid value: {replicas}: must be greater than or equal to 0"
        raise invalid(stored.kind, stored.name, ("spec.replicas", "FieldValueInvalid", message))
    if replicas == stored.spec.get("replicas"):
        return stored.value
    metadata = {**stored.meta, "generation": stored.meta.get("generation", 0) + 1}
    return {**stored.value, "metadata": metadata, "spec": {**stored.spec, "replicas": replicas}}
