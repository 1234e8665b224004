"""A bare pod's manifest as it can be created again: what the server and the scheduler added is left out. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from killswitch_backends.kubernetes.records import items, mapping
from killswitch_backends.protocol import Json

_OF_THE_SERVER = (
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
    "selfLink",
    "generateName",
)


def manifest_of(item: Mapping[str, Any]) -> dict[str, Json]:
    """What to POST to have the pod again. Its node is kept only where the scheduler did not choose it."""
    meta = {key: value for key, value in mapping(item.get("metadata")).items() if key not in _OF_THE_SERVER}
    spec = {key: value for key, value in mapping(item.get("spec")).items() if key != "ephemeralContainers"}
    conditions = items(mapping(item.get("status")).get("conditions"))
    if any(condition.get("type") == "PodScheduled" for condition in conditions):
        spec.pop("nodeName", None)
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}


def same_manifest(item: Mapping[str, Any], manifest: Json) -> bool:
    """Whether a pod is what a manifest says, wherever it was scheduled to."""
    wanted = mapping(manifest)
    spec = {key: value for key, value in mapping(item.get("spec")).items() if key != "ephemeralContainers"}
    if "nodeName" not in mapping(wanted.get("spec")):
        spec.pop("nodeName", None)
    meta, asked = mapping(item.get("metadata")), mapping(wanted.get("metadata"))
    return spec == wanted.get("spec") and meta.get("labels") == asked.get("labels")
