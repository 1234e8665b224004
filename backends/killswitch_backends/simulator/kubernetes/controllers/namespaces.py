"""Namespaces: a new one gets its default ServiceAccount, one that is being deleted is emptied first."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from killswitch_backends.simulator.kubernetes import kinds
from killswitch_backends.simulator.kubernetes.controllers.manager import Key
from killswitch_backends.simulator.kubernetes.controllers.pods import ended
from killswitch_backends.simulator.kubernetes.deletion import DeleteOptions, delete, settle
from killswitch_backends.simulator.kubernetes.kinds import Kinds
from killswitch_backends.simulator.kubernetes.objects import new_uid, timestamp
from killswitch_backends.simulator.kubernetes.storage import Event, Store


class NamespaceController:
    """Keeps namespaces; its keys are their names."""

    hears = None

    def __init__(self, store: Store, served: Kinds, rng: Random) -> None:
        self._store, self._kinds, self._rng = store, served, rng

    def concerned(self, event: Event) -> Iterable[Key]:
        if event.stored.kind is kinds.NAMESPACE:
            return ((event.stored.name,),)
        if not ended(event) or not event.stored.namespace:
            return ()
        namespace = self._store.get(kinds.NAMESPACE, "", event.stored.namespace)
        return ((namespace.name,),) if namespace and namespace.deleting else ()

    def sync(self, key: Key) -> None:
        (name,) = key
        namespace = self._store.get(kinds.NAMESPACE, "", name)
        if namespace is None:
            return
        if not namespace.deleting:
            self._give_account(name)
            return
        for kind in self._kinds:
            for stored in list(self._store.table(kind).objects.get(name, {}).values()) if kind.namespaced else ():
                if not stored.deleting:
                    delete(self._store, stored, DeleteOptions())
        if not any(self._store.table(kind).objects.get(name) for kind in self._kinds if kind.namespaced):
            spec = {key: value for key, value in namespace.spec.items() if key != "finalizers"}
            settle(self._store, self._store.replace(namespace, {**namespace.value, "spec": spec}))

    def _give_account(self, namespace: str) -> None:
        if self._store.get(kinds.SERVICE_ACCOUNT, namespace, "default"):
            return
        meta = {"name": "default", "namespace": namespace, "uid": new_uid(self._rng), "creationTimestamp": timestamp()}
        self._store.insert(kinds.SERVICE_ACCOUNT, {"metadata": meta})
