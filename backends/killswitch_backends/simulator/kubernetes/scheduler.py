"""The scheduler: binds pods to ready nodes that match their node selector, in turn."""

from __future__ import annotations

from collections.abc import Iterable

from killswitch_backends.simulator.kubernetes import kinds
from killswitch_backends.simulator.kubernetes.controllers.manager import Key
from killswitch_backends.simulator.kubernetes.controllers.pods import ready
from killswitch_backends.simulator.kubernetes.objects import Stored, timestamp
from killswitch_backends.simulator.kubernetes.pod_status import unschedulable_status
from killswitch_backends.simulator.kubernetes.storage import Event, Store


class Scheduler:
    """Binds what is not bound yet."""

    hears = (kinds.POD, kinds.NODE)

    def __init__(self, store: Store) -> None:
        self._store = store
        self._turn = 0

    def concerned(self, event: Event) -> Iterable[Key]:
        if event.stored.kind is kinds.NODE:
            return [pod.key for pod in self._store.table(kinds.POD) if not pod.spec.get("nodeName")]
        if event.stored.spec.get("nodeName") or event.stored.deleting:
            return ()
        return (event.stored.key,)

    def sync(self, key: Key) -> None:
        namespace, name = key
        pod = self._store.get(kinds.POD, namespace, name)
        if pod is None or pod.deleting or pod.spec.get("nodeName"):
            return
        nodes = [node for node in self._store.table(kinds.NODE) if takes(node, pod.spec.get("nodeSelector") or {})]
        if not nodes:
            if not pod.status.get("conditions"):
                self._store.replace(pod, {**pod.value, "status": unschedulable_status(pod)})
            return
        self._turn += 1
        bound = {"type": "PodScheduled", "status": "True", "lastTransitionTime": timestamp()}
        spec = {**pod.spec, "nodeName": nodes[self._turn % len(nodes)].name}
        self._store.replace(pod, {**pod.value, "spec": spec, "status": {**pod.status, "conditions": [bound]}})


def takes(node: Stored, selector: dict[str, str]) -> bool:
    """Whether pods with this node selector can be bound to a node."""
    fits = all(node.labels.get(key) == value for key, value in selector.items())
    return fits and ready(node) and not node.spec.get("unschedulable")
