"""The shapes of the fields that the control plane reads, so that nothing it could not decode is ever stored.

A shape is a type, a list of one shape, a map of shapes by field (others are free; ``field!`` must be there), or
``{"*": shape}`` for a map with free keys. Null is the same as absent, as in Go.
"""

from __future__ import annotations

import re
from typing import Any

from killswitch_backends.simulator.kubernetes import kinds
from killswitch_backends.simulator.kubernetes.failures import bad_request
from killswitch_backends.simulator.kubernetes.kinds import Kind
from killswitch_backends.simulator.kubernetes.objects import JsonObject

Shape = Any


class _CountOrShare:
    """A whole number, or a percentage as text."""


_TEXTS = {"*": str}
_OWNER = {"apiVersion!": str, "kind!": str, "name!": str, "uid!": str, "controller": bool}
_META = {
    "name": str,
    "generateName": str,
    "namespace": str,
    "uid": str,
    "resourceVersion": str,
    "labels": _TEXTS,
    "annotations": _TEXTS,
    "finalizers": [str],
    "ownerReferences": [_OWNER],
}
_POD_SPEC = {
    "containers": [{"name!": str, "image": str}],
    "nodeName": str,
    "nodeSelector": _TEXTS,
    "restartPolicy": str,
    "serviceAccountName": str,
    "terminationGracePeriodSeconds": int,
}
_TEMPLATE = {"metadata": {"labels": _TEXTS, "annotations": _TEXTS}, "spec": _POD_SPEC}
_SELECTOR = {"matchLabels": _TEXTS, "matchExpressions": [{"key!": str, "operator!": str, "values": [str]}]}
_COUNTS = dict.fromkeys(("replicas", "parallelism", "completions", "backoffLimit", "revisionHistoryLimit"), int)
_LIMITS = dict.fromkeys(("successfulJobsHistoryLimit", "failedJobsHistoryLimit"), int)
_ROLLING = {"maxSurge": _CountOrShare, "maxUnavailable": _CountOrShare, "partition": int}
_STRATEGY = {"type": str, "rollingUpdate": _ROLLING}
_WORKLOAD = {
    **_COUNTS,
    **_LIMITS,
    "paused": bool,
    "suspend": bool,
    "schedule": str,
    "concurrencyPolicy": str,
    "podManagementPolicy": str,
    "selector": _SELECTOR,
    "strategy": _STRATEGY,
    "updateStrategy": _STRATEGY,
    "template": _TEMPLATE,
}
_JOB_TEMPLATE = {"jobTemplate": {"metadata": {"labels": _TEXTS, "annotations": _TEXTS}, "spec": _WORKLOAD}}
_VERSION = {"name!": str, "storage": bool, "subresources": {"*": dict}}
_NAMES = {"kind": str, "plural": str, "shortNames": [str], "categories": [str]}
_SPECS: dict[Kind, Shape] = {
    kinds.POD: _POD_SPEC,
    kinds.CRON_JOB: {**_WORKLOAD, **_JOB_TEMPLATE},
    kinds.NAMESPACE: {"finalizers": [str]},
    kinds.NODE: {"unschedulable": bool},
    kinds.DEFINITION: {"group": str, "scope": str, "versions": [_VERSION], "names": _NAMES},
    kinds.AUTOSCALER: {"scaleTargetRef": {"kind": str, "name": str}, "minReplicas": int, "maxReplicas": int},
    **dict.fromkeys((kinds.DEPLOYMENT, kinds.REPLICA_SET, kinds.STATEFUL_SET, kinds.DAEMON_SET, kinds.JOB), _WORKLOAD),
}
_STATUS_COUNTS = ("replicas", "readyReplicas", "availableReplicas", "terminatingReplicas", "succeeded", "failed")
_STATUS = {
    **dict.fromkeys(_STATUS_COUNTS, int),
    "phase": str,
    "conditions": [{"type!": str, "status!": str, "reason": str, "message": str, "lastTransitionTime": str}],
    "containerStatuses": [
        {"name!": str, "ready": bool, "restartCount": int, "state!": {"running": {"startedAt": str}}}
    ],
    "nodeInfo": {"kubeletVersion": str},
}


def check_shape(kind: Kind, value: JsonObject) -> None:
    """Refuse what a typed server could not decode. Raises a 400 ``ApiFailure``."""
    _check(value["metadata"], _META, "metadata")
    _check(value.get("spec"), {} if kind.custom else _SPECS.get(kind, {}), "spec")
    _check(value.get("status"), {} if kind.custom else _STATUS, "status")


def _check(value: Any, shape: Shape, path: str) -> None:
    if value is None:
        return
    if isinstance(shape, dict):
        _check_map(value, shape, path)
    elif isinstance(shape, list):
        if not isinstance(value, list):
            raise _refusal(path, "a list")
        for place, item in enumerate(value):
            if item is None:
                raise _refusal(f"{path}[{place}]", "a value")
            _check(item, shape[0], f"{path}[{place}]")
    elif shape is _CountOrShare:
        if type(value) is not int and not (isinstance(value, str) and re.fullmatch(r"[0-9]{1,3}%", value)):
            raise _refusal(path, "a number or a percentage")
    elif type(value) is not shape or (shape is int and abs(value) > 2**31 - 1):
        raise _refusal(path, {str: "string", int: "int32", bool: "bool"}.get(shape, "object"))


def _check_map(value: Any, shape: dict[str, Shape], path: str) -> None:
    if not isinstance(value, dict):
        raise _refusal(path, "object")
    if "*" in shape:
        for key, member in value.items():
            if member is None:
                raise _refusal(f"{path}.{key}", "a value")
            _check(member, shape["*"], f"{path}.{key}")
        return
    for field, inner in shape.items():
        name = field.rstrip("!")
        if name != field and value.get(name) is None:
            raise _refusal(f"{path}.{name}", "a value")
        _check(value.get(name), inner, f"{path}.{name}")


def _refusal(path: str, wanted: str) -> Exception:
    return bad_request(f"json: cannot unmarshal into Go struct field {path} of type {wanted}")
