"""ReplicaSets: as many active pods as ``spec.replicas``."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from killswitch_backends.simulator.kubernetes import kinds
from killswitch_backends.simulator.kubernetes.controllers.manager import Key
from killswitch_backends.simulator.kubernetes.controllers.pods import (
    active,
    new_pod,
    nonzero,
    own_and_owner,
    ready,
    remove_pods,
    with_status,
)
from killswitch_backends.simulator.kubernetes.objects import JsonObject, Stored, name_suffix
from killswitch_backends.simulator.kubernetes.storage import Event, Store


class ReplicaSetController:
    """Makes and removes pods."""

    hears = (kinds.REPLICA_SET, kinds.POD)

    def __init__(self, store: Store, rng: Random) -> None:
        self._store, self._rng = store, rng

    def concerned(self, event: Event) -> Iterable[Key]:
        return own_and_owner(event, kinds.REPLICA_SET)

    def sync(self, key: Key) -> None:
        namespace, name = key
        owner = self._store.get(kinds.REPLICA_SET, namespace, name)
        if owner is None:
            return
        if not owner.deleting:
            self._reconcile(owner)
        with_status(self._store, owner, replica_set_status(owner, self._store.owned(owner.uid, kinds.POD)))

    def _reconcile(self, owner: Stored) -> None:
        replicas = [pod for pod in self._store.owned(owner.uid, kinds.POD) if active(pod)]
        missing = owner.spec["replicas"] - len(replicas)
        if missing < 0:
            remove_pods(self._store, replicas, -missing)
        for _ in range(missing):
            self._store.insert(kinds.POD, new_pod(owner, f"{owner.name}-{name_suffix(self._rng)}", self._rng))


def replica_set_status(owner: Stored, pods: list[Stored]) -> JsonObject:
    """What a ReplicaSet's status says of these pods. Replicas count pods that are not terminating."""
    replicas = [pod for pod in pods if active(pod)]
    are_ready = sum(1 for pod in replicas if ready(pod))
    return {
        "replicas": len(replicas),
        **nonzero(fullyLabeledReplicas=len(replicas), readyReplicas=are_ready, availableReplicas=are_ready),
        "terminatingReplicas": sum(1 for pod in pods if pod.deleting),
        "observedGeneration": owner.meta.get("generation", 1),
    }
