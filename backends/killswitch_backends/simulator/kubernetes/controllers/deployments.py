"""Deployments: one ReplicaSet per pod template, the newest scaled up as the older are scaled down."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from random import Random
from typing import Any

from killswitch_backends.simulator.kubernetes import kinds
from killswitch_backends.simulator.kubernetes.controllers.manager import Key
from killswitch_backends.simulator.kubernetes.controllers.pods import (
    condition,
    ended,
    nonzero,
    own_and_owner,
    owner_reference,
    template_hash,
    with_status,
)
from killswitch_backends.simulator.kubernetes.deletion import DeleteOptions, delete
from killswitch_backends.simulator.kubernetes.objects import JsonObject, Stored, new_uid, timestamp
from killswitch_backends.simulator.kubernetes.storage import Event, Store

HASH = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"
DESIRED = "deployment.kubernetes.io/desired-replicas"


class DeploymentController:
    """Makes ReplicaSets, and moves replicas between them."""

    hears = (kinds.DEPLOYMENT, kinds.REPLICA_SET)

    def __init__(self, store: Store, rng: Random) -> None:
        self._store, self._rng = store, rng
        self._hashes: dict[str, tuple[JsonObject, str]] = {}

    def concerned(self, event: Event) -> Iterable[Key]:
        if ended(event):
            self._hashes.pop(event.stored.uid, None)
        return own_and_owner(event, kinds.DEPLOYMENT)

    def sync(self, key: Key) -> None:
        namespace, name = key
        owner = self._store.get(kinds.DEPLOYMENT, namespace, name)
        if owner is None:
            return
        if not owner.deleting:
            newest = self._newest(owner)
            if newest is not None:
                self._move_replicas(owner, newest)
                owner = self._with_revision(owner, newest)
                self._forget_old(owner, newest)
        sets = self._store.owned(owner.uid, kinds.REPLICA_SET)
        with_status(self._store, owner, deployment_status(owner, sets, self._hash(owner)))

    def _hash(self, owner: Stored) -> str:
        """The hash of the current template, worked out once per template."""
        template = owner.spec["template"]
        known = self._hashes.get(owner.uid)
        if known is None or known[0] is not template:
            known = self._hashes[owner.uid] = (template, template_hash(template))
        return known[1]

    def _newest(self, owner: Stored) -> Stored | None:
        """The ReplicaSet of the current template; made if absent, unless the Deployment is paused."""
        sets, wanted = self._store.owned(owner.uid, kinds.REPLICA_SET), self._hash(owner)
        found = next((one for one in sets if one.labels.get(HASH) == wanted), None)
        if found or owner.spec.get("paused"):
            return found or max(sets, key=revision, default=None)
        number = max((revision(one) for one in sets), default=0) + 1
        value = replica_set_for(owner, wanted, number, replicas=0, uid=new_uid(self._rng))
        return self._store.insert(kinds.REPLICA_SET, value)

    def _move_replicas(self, owner: Stored, newest: Stored) -> None:
        wanted = owner.spec["replicas"]
        older = [one for one in self._store.owned(owner.uid, kinds.REPLICA_SET) if one.uid != newest.uid]
        live = [one for one in older if one.spec["replicas"]]
        if owner.spec.get("paused") and live:
            return
        if owner.spec.get("strategy", {}).get("type") == "Recreate":
            self._recreate(owner, newest, older)
            return
        surge, unavailable = _bounds(owner)
        total = newest.spec["replicas"] + sum(one.spec["replicas"] for one in live)
        room = max(0, wanted + surge - total) if live else wanted
        grown = min(wanted, newest.spec["replicas"] + room)
        newest = self._scale(newest, grown, wanted)
        self._shrink(live, newest, keep=wanted - unavailable)

    def _shrink(self, live: Sequence[Stored], newest: Stored, *, keep: int) -> None:
        """Scale old ReplicaSets down, oldest first, while ``keep`` replicas stay available.

        Counted by what the specs ask for, since the statuses lag behind; pods that are not available go first.
        """
        starting = max(0, newest.spec["replicas"] - newest.status.get("availableReplicas", 0))
        spare = newest.spec["replicas"] + sum(one.spec["replicas"] for one in live) - keep - starting
        broken = {one.uid: max(0, one.spec["replicas"] - one.status.get("availableReplicas", 0)) for one in live}
        for one in sorted(live, key=lambda one: (not broken[one.uid], revision(one))):
            removed = min(one.spec["replicas"], max(0, spare))
            spare -= removed
            if removed:
                self._scale(one, one.spec["replicas"] - removed, None)

    def _recreate(self, owner: Stored, newest: Stored, older: Sequence[Stored]) -> None:
        for one in older:
            self._scale(one, 0, None)
        if not any(self._store.owned(one.uid, kinds.POD) for one in older):
            self._scale(newest, owner.spec["replicas"], owner.spec["replicas"])

    def _scale(self, one: Stored, replicas: int, desired: int | None) -> Stored:
        if one.spec["replicas"] == replicas:
            return one
        meta = {**one.meta, "generation": one.meta["generation"] + 1}
        if desired is not None:
            meta["annotations"] = {**one.annotations, DESIRED: str(desired)}
        return self._store.replace(one, {**one.value, "metadata": meta, "spec": {**one.spec, "replicas": replicas}})

    def _with_revision(self, owner: Stored, newest: Stored) -> Stored:
        number = newest.annotations.get(REVISION, "1")
        if owner.annotations.get(REVISION) == number:
            return owner
        meta = {**owner.meta, "annotations": {**owner.annotations, REVISION: number}}
        return self._store.replace(owner, {**owner.value, "metadata": meta})

    def _forget_old(self, owner: Stored, newest: Stored) -> None:
        older = [one for one in self._store.owned(owner.uid, kinds.REPLICA_SET) if one.uid != newest.uid]
        empty = sorted((one for one in older if not (one.spec["replicas"] or one.status.get("replicas"))), key=revision)
        for one in empty[: max(0, len(older) - owner.spec["revisionHistoryLimit"])]:
            delete(self._store, one, DeleteOptions())


def revision(one: Stored) -> int:
    """The number of a ReplicaSet in its Deployment's history."""
    return int(one.annotations.get(REVISION, "0"))


def replica_set_for(owner: Stored, wanted: str, number: int, *, replicas: int, uid: str) -> JsonObject:
    """A Deployment's ReplicaSet for its current template, whose hash is ``wanted``."""
    template = owner.spec["template"]
    about = template.get("metadata") or {}
    labels = {**(about.get("labels") or {}), HASH: wanted}
    selector = owner.spec["selector"]
    matching = {**selector, "matchLabels": {**(selector.get("matchLabels") or {}), HASH: wanted}}
    return {
        "metadata": {
            "name": f"{owner.name}-{wanted}",
            "namespace": owner.namespace,
            "uid": uid,
            "generation": 1,
            "creationTimestamp": timestamp(),
            "labels": labels,
            "annotations": {DESIRED: str(owner.spec["replicas"]), REVISION: str(number)},
            "ownerReferences": [owner_reference(owner)],
        },
        "spec": {
            "replicas": replicas,
            "selector": matching,
            "template": {**template, "metadata": {**about, "labels": labels}},
        },
        "status": {"replicas": 0},
    }


def _bounds(owner: Stored) -> tuple[int, int]:
    """How many pods a rollout may have too many, and too few (RollingUpdate's maxSurge and maxUnavailable)."""
    rolling = owner.spec.get("strategy", {}).get("rollingUpdate") or {}
    wanted = owner.spec["replicas"]
    surge = math.ceil(_share(rolling.get("maxSurge", "25%"), wanted))
    unavailable = math.floor(_share(rolling.get("maxUnavailable", "25%"), wanted))
    return (surge, unavailable) if surge or unavailable else (0, 1)


def _share(value: Any, whole: int) -> float:
    return whole * int(value[:-1]) / 100 if isinstance(value, str) else float(value)


def deployment_status(owner: Stored, sets: Sequence[Stored], wanted: str) -> JsonObject:
    """What a Deployment's status says of its ReplicaSets; ``wanted`` is the hash of the current template."""
    total = {field: sum(one.status.get(field, 0) for one in sets) for field in ("replicas", "readyReplicas")}
    available = sum(one.status.get("availableReplicas", 0) for one in sets)
    updated = sum(one.status.get("replicas", 0) for one in sets if one.labels.get(HASH) == wanted)
    desired = owner.spec["replicas"]
    return {
        "observedGeneration": owner.meta["generation"],
        **nonzero(
            replicas=total["replicas"],
            updatedReplicas=updated,
            readyReplicas=total["readyReplicas"],
            availableReplicas=available,
            unavailableReplicas=max(0, desired - available),
        ),
        "terminatingReplicas": sum(one.status.get("terminatingReplicas", 0) for one in sets),
        "conditions": _conditions(owner, available, done=updated == desired == available == total["replicas"]),
    }


def _conditions(owner: Stored, available: int, *, done: bool) -> list[JsonObject]:
    before = owner.status.get("conditions") or ()
    enough = available >= owner.spec["replicas"] - _bounds(owner)[1]
    words = (
        ("MinimumReplicasAvailable", "Deployment has minimum availability.")
        if enough
        else ("MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    )
    progress = (
        ("NewReplicaSetAvailable", f'Deployment "{owner.name}" has successfully progressed.')
        if done
        else ("ReplicaSetUpdated", f'Deployment "{owner.name}" is progressing.')
    )
    made = [condition(before, "Available", enough, *words), condition(before, "Progressing", True, *progress)]
    return [{"lastUpdateTime": one["lastTransitionTime"], **one} for one in made]
