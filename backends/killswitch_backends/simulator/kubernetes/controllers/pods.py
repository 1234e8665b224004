"""What controllers that own pods share: making one from a template, telling which count, removing some."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from random import Random
from typing import Any

from killswitch_backends.simulator.kubernetes.deletion import DeleteOptions, delete
from killswitch_backends.simulator.kubernetes.kinds import Kind
from killswitch_backends.simulator.kubernetes.objects import (
    JsonObject,
    Stored,
    controller_of,
    dumps,
    new_uid,
    timestamp,
)
from killswitch_backends.simulator.kubernetes.storage import Change, Event, Store

_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_PENDING: JsonObject = {"phase": "Pending", "qosClass": "BestEffort"}


def owner_reference(owner: Stored) -> JsonObject:
    """The reference by which ``owner`` controls what it makes."""
    return {
        "apiVersion": owner.kind.api_version,
        "kind": owner.kind.name,
        "name": owner.name,
        "uid": owner.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def template_hash(template: JsonObject) -> str:
    """A short text that differs when a pod template differs (``pod-template-hash``)."""
    digest = int.from_bytes(hashlib.blake2b(dumps(template), digest_size=8).digest(), "big")
    letters = []
    for _ in range(10):
        digest, place = divmod(digest, len(_ALPHABET))
        letters.append(_ALPHABET[place])
    return "".join(letters)


def new_pod(
    owner: Stored, name: str, rng: Random, *, labels: dict[str, str] | None = None, node: str = ""
) -> JsonObject:
    """A pod from its owner's template. ``node`` binds it at once, as a DaemonSet's is."""
    template: JsonObject = owner.spec["template"]
    about: JsonObject = template.get("metadata") or {}
    spec: JsonObject = template["spec"]
    if "serviceAccountName" not in spec:
        spec = {**spec, "serviceAccountName": "default"}
    if node:
        spec = {**spec, "nodeName": node}
    found = about.get("labels") or {}
    return {
        "metadata": {
            "name": name,
            "namespace": owner.namespace,
            "uid": new_uid(rng),
            "creationTimestamp": timestamp(),
            "labels": {**found, **labels} if labels else found,
            **({"annotations": about["annotations"]} if about.get("annotations") else {}),
            "ownerReferences": [owner_reference(owner)],
        },
        "spec": spec,
        "status": _PENDING,
    }


def active(pod: Stored) -> bool:
    """Whether a pod counts as a replica: not being deleted, not finished."""
    return not pod.deleting and pod.status.get("phase") not in ("Succeeded", "Failed")


def ready(pod: Stored) -> bool:
    return any(one["type"] == "Ready" and one["status"] == "True" for one in pod.status.get("conditions") or ())


def remove_pods(store: Store, pods: Iterable[Stored], number: int) -> None:
    """Delete some pods with their own grace: not ready ones first, then by deletion cost, then the youngest."""
    order = sorted(pods, key=lambda pod: (ready(pod), _cost(pod), [-ord(x) for x in pod.meta["creationTimestamp"]]))
    for pod in order[:number]:
        delete(store, pod, DeleteOptions())


def _cost(pod: Stored) -> int:
    """``controller.kubernetes.io/pod-deletion-cost``; 0 where there is none that can be read."""
    try:
        return int(pod.annotations.get("controller.kubernetes.io/pod-deletion-cost", "0"))
    except ValueError:
        return 0


def own_and_owner(event: Event, own: Kind) -> Iterable[tuple[str, str]]:
    """The keys a controller of ``own`` objects looks at: the object itself, or the ``own`` object that owns it."""
    if event.stored.kind is own:
        return (event.stored.key,)
    found = []
    for stored in (event.stored, event.previous):
        owner = controller_of(stored.value) if stored else None
        if stored and owner and owner["kind"] == own.name:
            found.append((stored.namespace, owner["name"]))
    return found[:1] if len(found) == 2 and found[0] == found[1] else found


def with_status(store: Store, stored: Stored, status: JsonObject) -> None:
    """Write an object's status if it is another one now."""
    if status != stored.value.get("status"):
        store.replace(stored, {**stored.value, "status": status})


def nonzero(**counts: Any) -> JsonObject:
    """Counts without zeros, as Go's omitempty writes them."""
    return {name: count for name, count in counts.items() if count}


def condition(conditions: Iterable[JsonObject], kind: str, status: bool, reason: str, message: str) -> JsonObject:
    """A condition whose transition time moves only when its status does."""
    word = "True" if status else "False"
    before = next((one for one in conditions if one["type"] == kind), None)
    if before and (before["status"], before.get("reason")) == (word, reason) and before.get("message") == message:
        return before
    moved = before["lastTransitionTime"] if before and before["status"] == word else timestamp()
    return {"type": kind, "status": word, "lastTransitionTime": moved, "reason": reason, "message": message}


def ended(event: Event) -> bool:
    """Whether an event removed its object."""
    return event.change is Change.DELETED
