"""The garbage collector: what an owner leaves behind goes, waits or stays, by the propagation policy."""

from __future__ import annotations

from collections.abc import Iterable

from killswitch_backends.simulator.kubernetes import kinds
from killswitch_backends.simulator.kubernetes.controllers.manager import Key
from killswitch_backends.simulator.kubernetes.controllers.pods import ended
from killswitch_backends.simulator.kubernetes.deletion import FOREGROUND, ORPHAN, DeleteOptions, delete, settle
from killswitch_backends.simulator.kubernetes.kinds import Kinds
from killswitch_backends.simulator.kubernetes.objects import Stored, controller_of, with_meta
from killswitch_backends.simulator.kubernetes.storage import Event, Store


class GarbageCollector:
    """Deletes dependents. Its keys are an owner's uid, and its kind's path, namespace and name."""

    hears = None

    def __init__(self, store: Store, served: Kinds) -> None:
        self._store, self._kinds = store, served

    def concerned(self, event: Event) -> Iterable[Key]:
        found = []
        stored = event.stored
        if ended(event):
            if self._store.owned(stored.uid):
                found.append(_key(stored))
            owner = controller_of(stored.value)
            if owner:
                found.extend(self._waiting_owner(owner["apiVersion"], owner["kind"], stored.namespace, owner["name"]))
        elif stored.deleting and {FOREGROUND, ORPHAN} & set(stored.meta.get("finalizers") or ()):
            found.append(_key(stored))
        return found

    def _waiting_owner(self, api_version: str, name: str, namespace: str, owner: str) -> Iterable[Key]:
        """The owner of something that is gone, if it waits for that to go itself."""
        kind = self._kinds.by_name(api_version, name)
        stored = self._store.get(kind, namespace if kind.namespaced else "", owner) if kind else None
        return [_key(stored)] if stored and FOREGROUND in (stored.meta.get("finalizers") or ()) else []

    def sync(self, key: Key) -> None:
        uid, group, version, plural, namespace, name = key
        kind = self._kinds.find(group, version, plural)
        owner = self._store.get(kind, namespace, name) if kind else None
        dependents = self._store.owned(uid)
        if owner is None or owner.uid != uid:
            self._remove(dependents, policy="Background")
        elif ORPHAN in (owner.meta.get("finalizers") or ()):
            for dependent in dependents:
                self._store.replace(dependent, without_owner(dependent, uid))
            self._release(owner, ORPHAN)
        elif FOREGROUND in (owner.meta.get("finalizers") or ()):
            self._remove(dependents, policy="Foreground")
            if not self._store.owned(uid):
                self._release(owner, FOREGROUND)

    def _remove(self, dependents: Iterable[Stored], *, policy: str) -> None:
        for dependent in dependents:
            if not dependent.deleting:
                delete(self._store, dependent, DeleteOptions(policy="" if dependent.kind is kinds.POD else policy))

    def _release(self, owner: Stored, finalizer: str) -> None:
        kept = [one for one in owner.meta.get("finalizers") or () if one != finalizer]
        settle(self._store, self._store.replace(owner, with_meta(owner.value, finalizers=kept)))


def _key(stored: Stored) -> Key:
    kind = stored.kind
    return (stored.uid, kind.group, kind.version, kind.plural, stored.namespace, stored.name)


def without_owner(dependent: Stored, uid: str) -> dict[str, object]:
    """An object that this owner no longer controls."""
    references = [one for one in dependent.meta.get("ownerReferences") or () if one.get("uid") != uid]
    value = with_meta(dependent.value, ownerReferences=references)
    return value if references else with_meta(value, ownerReferences=None)
