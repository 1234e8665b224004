"""Slim records of pods. Pure, like records.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from sys import intern
from typing import Any

from killswitch_backends.kubernetes.containers import grace_of, is_over
from killswitch_backends.kubernetes.records import Owner, items, mapping, moment, number, text
from killswitch_inventory.agents import Health


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """One pod, as far as proof and the tree need it."""

    namespace: str
    name: str
    uid: str
    owner: Owner | None
    labels: Mapping[str, str]
    """Kept for pods without a controller only: all others are told by their owner."""
    node: str
    over: bool
    """None of its containers runs any more, nor will again, as its kubelet says."""
    running: bool
    health: Health
    ends_at: datetime | None
    """``deletionTimestamp``: when its grace is over; None: it is not terminating."""
    grace: int
    """The seconds that its containers may take to end once they were told to."""


def pod_of(item: Mapping[str, Any], *, every_label: bool = False) -> Pod:
    """Read a pod; labels of one that something controls only where ``every_label`` asks for them."""
    meta, spec, status = mapping(item.get("metadata")), mapping(item.get("spec")), mapping(item.get("status"))
    labels = mapping(meta.get("labels"))
    owner = _owner_of(meta, labels)
    phase = text(status.get("phase"))
    return Pod(
        namespace=intern(text(meta.get("namespace"))),
        name=text(meta.get("name")),
        uid=text(meta.get("uid")),
        owner=owner,
        labels={} if owner and not every_label else dict(labels),
        node=intern(text(spec.get("nodeName"))),
        over=is_over(status),
        running=phase == "Running",
        health=_pod_health(phase, status),
        ends_at=moment(meta.get("deletionTimestamp")),
        grace=grace_of(meta, spec),
    )


def _owner_of(meta: Mapping[str, Any], labels: Mapping[str, Any]) -> Owner | None:
    for reference in items(meta.get("ownerReferences")):
        if reference.get("controller") is True:
            kind, name = text(reference.get("kind")), text(reference.get("name"))
            hashes = (text(labels.get("pod-template-hash")), text(labels.get("rollouts-pod-template-hash")))
            return Owner(intern(kind), intern(name), *map(intern, hashes))
    return None


def _pod_health(phase: str, status: Mapping[str, Any]) -> Health:
    """From phase, waiting reasons and restarts: a pod that crashes in a loop is mostly ``Running``."""
    containers = items(status.get("containerStatuses"))
    waiting = [text(mapping(mapping(c.get("state")).get("waiting")).get("reason")) for c in containers]
    if phase == "Failed" or any(
        reason.endswith(("BackOff", "Error")) or reason.startswith("Err") for reason in waiting
    ):
        return Health.FAILING
    if phase == "Succeeded":
        return Health.IDLE
    if phase == "Pending":
        return Health.DEGRADED
    if phase != "Running":
        return Health.UNKNOWN
    if any(c.get("type") == "Ready" and c.get("status") == "True" for c in items(status.get("conditions"))):
        return Health.OK
    return Health.FAILING if any(number(c.get("restartCount")) for c in containers) else Health.DEGRADED
