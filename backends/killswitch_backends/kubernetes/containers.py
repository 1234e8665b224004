"""What a pod's own status says of its containers: whether one may run, and whether all are known to have ended. Pure.

Only a node's kubelet writes container statuses, and since Kubernetes 1.27 it gives a pod that was told to end its
terminal phase before the object is removed. Others write phases too: the garbage collector of pods sets ``Failed`` on
pods of nodes it cannot reach and then deletes them by force, their container statuses still saying ``running``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from killswitch_backends.kubernetes.records import DEFAULT_GRACE, items, mapping, number

_STATUSES = ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")
_OVER = ("Succeeded", "Failed")


def is_over(status: Mapping[str, Any]) -> bool:
    """Whether none of the containers runs any more, nor will again: a terminal phase that no status contradicts."""
    return status.get("phase") in _OVER and not any(_runs(status, of) for of in _STATUSES)


def _runs(status: Mapping[str, Any], of: str) -> bool:
    return any("running" in mapping(container.get("state")) for container in items(status.get(of)))


def has_ended(spec: Mapping[str, Any], status: Mapping[str, Any]) -> bool:
    """Whether a pod that is gone is known to have ended: it never had a node, or its kubelet said that all is over."""
    return not spec.get("nodeName") or is_over(status) or _all_terminated(spec, status)


def _all_terminated(spec: Mapping[str, Any], status: Mapping[str, Any]) -> bool:
    told = [container for of in _STATUSES for container in items(status.get(of))]
    ended = ["terminated" in mapping(container.get("state")) for container in told]
    return all(ended) and len(items(status.get("containerStatuses"))) >= len(items(spec.get("containers"))) > 0


def grace_of(meta: Mapping[str, Any], spec: Mapping[str, Any]) -> int:
    """The seconds that its containers may take to end, from any moment on."""
    own = number(spec.get("terminationGracePeriodSeconds"))
    asked = number(meta.get("deletionGracePeriodSeconds")) or 0
    return max(DEFAULT_GRACE if own is None else own, asked)
