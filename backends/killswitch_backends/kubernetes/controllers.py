"""The controller behind one pod, and the mark it carries of pods that a halt took from it. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from killswitch_backends.kubernetes.kinds.kind import Kind
from killswitch_backends.kubernetes.pods import pod_of
from killswitch_backends.kubernetes.records import MARK_PREFIX, Owner, mapping, number, text
from killswitch_backends.kubernetes.resources import ObjectKey
from killswitch_backends.outside import parsed
from killswitch_backends.protocol import Json

INSTANCES = f"{MARK_PREFIX}instances"
_ANNOTATION = f"/metadata/annotations/{INSTANCES.replace('/', '~1')}"
REMOVABLE = ("Deployment", "ReplicaSet", "Rollout")
"""Kinds whose controller takes away the pod with the lowest deletion cost when it has one replica less."""
ORDERED = ("StatefulSet",)
"""Kinds whose controller takes away its last pod, and no other."""


@dataclass(frozen=True, slots=True)
class Controlled:
    """The workload that would replace a pod."""

    key: ObjectKey
    path: str


def controlled_by(item: Mapping[str, Any], kinds: Mapping[str, Kind]) -> Controlled | str | None:
    """What controls a pod; None: nothing; a text: why it cannot be ended without being replaced, and what to do."""
    pod = pod_of(item)
    if pod.owner is None:
        return None
    for kind in kinds.values():
        if kind.name in (*REMOVABLE, *ORDERED) and (name := kind.owns(pod.owner)):
            key = ObjectKey(pod.namespace, kind.name, name)
            return Controlled(key, kind.resource.path(key.namespace, key.name))
    return _never_alone(pod.owner)


_INSTEAD = {
    "DaemonSet": "a DaemonSet makes such a pod again on its node (halt the whole agent, or drain that node)",
    "Job": "a Job with less parallelism ends whichever pod it likes (halt the whole Job)",
}


def _never_alone(owner: Owner) -> str:
    return _INSTEAD.get(
        owner.kind, f"a {owner.kind} makes such a pod again whatever its replicas are (halt the whole agent)"
    )


def not_next(owner: Controlled, controller: Mapping[str, Any], pod: str, *, back: bool = False) -> str:
    """Why this pod is not the one that an ordered controller takes away next, or (``back``) makes next.

    Empty: it is, or its controller lets choose.
    """
    if owner.key.kind not in ORDERED:
        return ""
    spec = mapping(controller.get("spec"))
    replicas = number(spec.get("replicas"))
    count = (1 if replicas is None else replicas) - (not back)
    next_one = f"{owner.key.name}-{(number(mapping(spec.get('ordinals')).get('start')) or 0) + count}"
    if pod == next_one:
        return ""
    if back:
        return f"a {owner.key.kind} makes its pods in order: {next_one} comes back before {pod}"
    return f"a {owner.key.kind} gives up its last pod only: halt {next_one} first, or the whole agent"


def instances_of(controller: Mapping[str, Any]) -> tuple[int, Mapping[str, str]]:
    """How many replicas there were before the first pod was taken, and the halt that took each."""
    annotations = mapping(mapping(controller.get("metadata")).get("annotations"))
    try:
        found = mapping(parsed(text(annotations.get(INSTANCES)) or "{}"))
    except ValueError:
        found = {}
    ended = {name: text(by) for name, by in mapping(found.get("ended")).items()}
    return number(found.get("replicas")) or 0, ended


def with_instances(controller: Mapping[str, Any], before: int, ended: Mapping[str, str], replicas: int) -> list[Json]:
    """The patch that gives a controller so many replicas and this mark, if nobody wrote it since it was read."""
    meta = mapping(controller.get("metadata"))
    patch: list[Json] = [
        {"op": "test", "path": "/metadata/resourceVersion", "value": meta.get("resourceVersion")},
        {"op": "replace", "path": "/spec/replicas", "value": replicas},
    ]
    if not ended:
        return [*patch, {"op": "remove", "path": _ANNOTATION}]
    if "annotations" not in meta:
        patch.append({"op": "add", "path": "/metadata/annotations", "value": {}})
    value = json.dumps({"replicas": before, "ended": dict(ended)}, sort_keys=True)
    return [*patch, {"op": "add", "path": _ANNOTATION, "value": value}]
