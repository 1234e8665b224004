"""Deployment tools that keep a cluster as Git says: Argo CD and Flux.

Argo CD's self-heal puts a changed field back after 5 s: taking ``syncPolicy.automated`` away ends that for the
application, and all it deploys goes on running. Flux applies again at each interval unless ``spec.suspend``. An
application that an ApplicationSet made would be put back by it, so it is told as a risk only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from killswitch_backends.kubernetes.companions.companion import Companion, companion_of, holders_of
from killswitch_backends.kubernetes.kinds.reading import controller_of, pointed
from killswitch_backends.kubernetes.records import items, mapping
from killswitch_backends.kubernetes.resources import Resource

GROUPS = {
    "Application": "argoproj.io",
    "Kustomization": "kustomize.toolkit.fluxcd.io",
    "HelmRelease": "helm.toolkit.fluxcd.io",
}
"""API group by kind of ``Tracking``."""

_AUTOMATED = "/spec/syncPolicy/automated"


def of_tool(kind: str, resource: Resource, item: Mapping[str, Any]) -> tuple[Companion | None, str]:
    """What to hold of a tool's object, if that is any use, and what it may do otherwise, in words."""
    name = mapping(item.get("metadata")).get("name")
    if kind != "Application":
        held = companion_of(kind, resource, item, [("/spec/suspend", True)])
        return held, f"Flux {kind} {name} applies it again at each interval"
    meta = mapping(item.get("metadata"))
    if any(reference.get("kind") == "ApplicationSet" for reference in items(meta.get("ownerReferences"))):
        return None, f"Argo CD application {name} is an ApplicationSet's, which would undo a pause of its self-heal"
    if controller_of(meta) is None and pointed(item, _AUTOMATED) is None and not holders_of(item):
        return None, ""  # it syncs only when somebody tells it to
    return companion_of(kind, resource, item, [(_AUTOMATED, None)]), f"Argo CD application {name} heals it after 5 s"
