"""StatefulSets: numbered pods, made in order and removed in reverse, each waiting for its neighbour (OrderedReady)."""

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
    template_hash,
    with_status,
)
from killswitch_backends.simulator.kubernetes.deletion import DeleteOptions, delete
from killswitch_backends.simulator.kubernetes.objects import JsonObject, Stored
from killswitch_backends.simulator.kubernetes.storage import Event, Store

REVISION = "controller-revision-hash"


class StatefulSetController:
    """Makes and removes numbered pods, one step at each sync."""

    hears = (kinds.STATEFUL_SET, kinds.POD)

    def __init__(self, store: Store, rng: Random) -> None:
        self._store, self._rng = store, rng

    def concerned(self, event: Event) -> Iterable[Key]:
        return own_and_owner(event, kinds.STATEFUL_SET)

    def sync(self, key: Key) -> None:
        namespace, name = key
        owner = self._store.get(kinds.STATEFUL_SET, namespace, name)
        if owner is None:
            return
        revision = f"{name}-{template_hash(owner.spec['template'])}"
        if not owner.deleting:
            self._step(owner, revision)
        pods = self._store.owned(owner.uid, kinds.POD)
        with_status(self._store, owner, _status(owner, pods, revision))

    def _step(self, owner: Stored, revision: str) -> None:
        pods = {ordinal(pod): pod for pod in self._store.owned(owner.uid, kinds.POD)}
        wanted, one_by_one = owner.spec["replicas"], owner.spec.get("podManagementPolicy") != "Parallel"
        for number in range(wanted):
            pod = pods.get(number)
            if pod is None:
                self._make(owner, number, revision)
            elif not active(pod) and not pod.deleting:
                delete(self._store, pod, DeleteOptions())
            if one_by_one and (pod is None or pod.deleting or not ready(pod)):
                return
        for number in sorted((number for number in pods if number >= wanted), reverse=True):
            if not pods[number].deleting:
                delete(self._store, pods[number], DeleteOptions())
            if one_by_one:
                return
        self._update(owner, pods, revision)

    def _update(self, owner: Stored, pods: dict[int, Stored], revision: str) -> None:
        """Replace the highest pod of an older template, once all others are ready."""
        strategy = owner.spec.get("updateStrategy") or {}
        if strategy.get("type") == "OnDelete":
            return
        partition = (strategy.get("rollingUpdate") or {}).get("partition") or 0
        for number in sorted(pods, reverse=True):
            pod = pods[number]
            if number >= partition and pod.labels.get(REVISION) != revision and not pod.deleting:
                delete(self._store, pod, DeleteOptions())
                return
            if pod.deleting or not ready(pod):
                return

    def _make(self, owner: Stored, number: int, revision: str) -> None:
        name = f"{owner.name}-{number}"
        if self._store.get(kinds.POD, owner.namespace, name):
            return
        identity = {"statefulset.kubernetes.io/pod-name": name, "apps.kubernetes.io/pod-index": str(number)}
        value = new_pod(owner, name, self._rng, labels={REVISION: revision, **identity})
        self._store.insert(kinds.POD, value)


def ordinal(pod: Stored) -> int:
    """The number at the end of a pod's name."""
    return int(pod.name.rpartition("-")[2])


def _status(owner: Stored, pods: list[Stored], revision: str) -> JsonObject:
    """As the real controller counts: terminating pods are replicas until they are gone."""
    are_ready = sum(1 for pod in pods if ready(pod) and not pod.deleting)
    updated = sum(1 for pod in pods if pod.labels.get(REVISION) == revision and not pod.deleting)
    before = owner.status.get("currentRevision")
    done = updated == len(pods) == owner.spec["replicas"] == are_ready
    current = revision if done or before is None else before
    return {
        "observedGeneration": owner.meta["generation"],
        "replicas": len(pods),
        **nonzero(
            readyReplicas=are_ready,
            currentReplicas=sum(1 for pod in pods if pod.labels.get(REVISION) == current and not pod.deleting),
            updatedReplicas=updated,
        ),
        "availableReplicas": are_ready,
        "currentRevision": current,
        "updateRevision": revision,
        "collisionCount": 0,
    }
