"""DaemonSets: one pod on every node that the template's node selector matches."""

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
from killswitch_backends.simulator.kubernetes.objects import JsonObject, Stored, name_suffix
from killswitch_backends.simulator.kubernetes.storage import Event, Store

REVISION = "controller-revision-hash"


class DaemonSetController:
    """Makes and removes pods by node."""

    hears = (kinds.DAEMON_SET, kinds.POD, kinds.NODE)

    def __init__(self, store: Store, rng: Random) -> None:
        self._store, self._rng = store, rng

    def concerned(self, event: Event) -> Iterable[Key]:
        if event.stored.kind is kinds.NODE:
            return [one.key for one in self._store.table(kinds.DAEMON_SET)]
        return own_and_owner(event, kinds.DAEMON_SET)

    def sync(self, key: Key) -> None:
        namespace, name = key
        owner = self._store.get(kinds.DAEMON_SET, namespace, name)
        if owner is None:
            return
        nodes, revision = self._nodes(owner), template_hash(owner.spec["template"])
        if not owner.deleting:
            self._place(owner, nodes, revision)
            self._update(owner, revision)
        pods = self._store.owned(owner.uid, kinds.POD)
        with_status(self._store, owner, _status(owner, pods, nodes, revision))

    def _nodes(self, owner: Stored) -> set[str]:
        """The nodes that should run it: ready or not, as its pods tolerate that."""
        wanted = (owner.spec["template"].get("spec") or {}).get("nodeSelector") or {}
        return {
            node.name
            for node in self._store.table(kinds.NODE)
            if all(node.labels.get(key) == value for key, value in wanted.items())
        }

    def _place(self, owner: Stored, nodes: set[str], revision: str) -> None:
        pods = self._store.owned(owner.uid, kinds.POD)
        for pod in pods:
            if not pod.deleting and (pod.spec["nodeName"] not in nodes or not active(pod)):
                delete(self._store, pod, DeleteOptions())
        for node in sorted(nodes - {pod.spec["nodeName"] for pod in pods}):
            name = f"{owner.name}-{name_suffix(self._rng)}"
            value = new_pod(owner, name, self._rng, labels={REVISION: revision}, node=node)
            self._store.insert(kinds.POD, value)

    def _update(self, owner: Stored, revision: str) -> None:
        """Replace one pod of an older template, once all others are ready."""
        if (owner.spec.get("updateStrategy") or {}).get("type") == "OnDelete":
            return
        pods = self._store.owned(owner.uid, kinds.POD)
        outdated = [pod for pod in pods if pod.labels.get(REVISION) != revision]
        if outdated and all(ready(pod) and not pod.deleting for pod in pods):
            delete(self._store, outdated[0], DeleteOptions())


def _status(owner: Stored, pods: list[Stored], nodes: set[str], revision: str) -> JsonObject:
    placed = [pod for pod in pods if active(pod) and pod.spec["nodeName"] in nodes]
    are_ready = sum(1 for pod in placed if ready(pod))
    return {
        "currentNumberScheduled": len(placed),
        "numberMisscheduled": sum(1 for pod in pods if pod.spec["nodeName"] not in nodes),
        "desiredNumberScheduled": len(nodes),
        "numberReady": are_ready,
        "observedGeneration": owner.meta["generation"],
        **nonzero(
            updatedNumberScheduled=sum(1 for pod in placed if pod.labels.get(REVISION) == revision),
            numberAvailable=are_ready,
            numberUnavailable=len(nodes) - are_ready,
        ),
    }
