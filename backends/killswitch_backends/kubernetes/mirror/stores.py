"""What a mirror remembers of a cluster: slim records of workloads, pods and service accounts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from killswitch_backends.kubernetes.kinds.kind import Kind
from killswitch_backends.kubernetes.records import Pod, Workload, mapping, pod_of, text
from killswitch_backends.kubernetes.resources import ObjectKey
from killswitch_backends.protocol import LabelKeys

Touch = Callable[[ObjectKey], None]
"""Told the key of a workload of which something changed."""
Place = tuple[str, str]
"""Namespace and name."""

IRSA = "eks.amazonaws.com/role-arn"
"""The annotation that lends a service account an AWS role (EKS: IAM roles for service accounts)."""


def place_of(item: Mapping[str, Any]) -> Place:
    """Where an object is: its namespace and name."""
    meta = mapping(item.get("metadata"))
    return text(meta.get("namespace")), text(meta.get("name"))


def _within(namespace: str | None, place: Place) -> bool:
    return namespace is None or place[0] == namespace


class Workloads:
    """The workloads of one kind."""

    def __init__(self, kind: Kind, labels: LabelKeys, touch: Touch) -> None:
        self._kind, self._labels, self._touch = kind, labels, touch
        self.records: dict[Place, Workload] = {}
        self._children: defaultdict[ObjectKey, set[ObjectKey]] = defaultdict(set)

    def children(self, parent: ObjectKey) -> set[ObjectKey]:
        """The workloads of this kind that one of another kind made."""
        return self._children.get(parent, set())

    def put(self, item: Mapping[str, Any]) -> Place:
        place = place_of(item)
        workload = self._kind.workload(item, self._labels)
        self.records[place] = workload
        if parent := parent_of(workload):
            self._children[parent].add(workload.key)
        self._touch(workload.key)
        return place

    def drop(self, item: Mapping[str, Any]) -> None:
        self._remove(place_of(item))

    def keep_only(self, namespace: str | None, keys: set[Place]) -> None:
        for place in [p for p in self.records if _within(namespace, p) and p not in keys]:
            self._remove(place)

    def _remove(self, place: Place) -> None:
        if workload := self.records.pop(place, None):
            self._touch(workload.key)
            if parent := parent_of(workload):
                self._children[parent].discard(workload.key)
                if not self._children[parent]:
                    del self._children[parent]


class Pods:
    """Pods, found by the workload that their controller leads to."""

    def __init__(self, kinds: Mapping[str, Kind], touch: Touch, bare: Workloads) -> None:
        """``kinds`` may grow; ``bare`` is told of pods that nothing controls, which are workloads of their own."""
        self._kinds, self._touch, self._bare = kinds, touch, bare
        self._records: dict[Place, tuple[Pod, ObjectKey | None]] = {}
        self._of: defaultdict[ObjectKey, dict[Place, Pod]] = defaultdict(dict)

    def of(self, key: ObjectKey) -> list[Pod]:
        """The pods of a workload, terminating ones included."""
        return list(self._of[key].values()) if key in self._of else []

    def put(self, item: Mapping[str, Any]) -> Place:
        place, pod = place_of(item), pod_of(item)
        owner = owner_key(pod, self._kinds.values())
        if pod.owner is None:
            owner = self._key_of_bare(item)
        self._forget(place, unless=owner)
        self._records[place] = (pod, owner)
        if owner:
            self._of[owner][place] = pod
            self._touch(owner)
        return place

    def _key_of_bare(self, item: Mapping[str, Any]) -> ObjectKey:
        namespace, name = self._bare.put(item)
        return ObjectKey(namespace, "Pod", name)

    def drop(self, item: Mapping[str, Any]) -> None:
        self._forget(place_of(item))
        self._bare.drop(item)

    def keep_only(self, namespace: str | None, keys: set[Place]) -> None:
        self._bare.keep_only(namespace, keys)
        for place in [p for p in self._records if _within(namespace, p) and p not in keys]:
            self._forget(place)

    def _forget(self, place: Place, *, unless: ObjectKey | None = None) -> None:
        _, owner = self._records.pop(place, (None, None))
        if owner is None or owner == unless:
            return
        self._of[owner].pop(place, None)
        if not self._of[owner]:
            del self._of[owner]
        self._touch(owner)


class Accounts:
    """AWS roles of service accounts; accounts without one are not remembered."""

    def __init__(self, changed: Callable[[Place], None]) -> None:
        self._changed = changed
        self.roles: dict[Place, str] = {}

    def put(self, item: Mapping[str, Any]) -> Place:
        place = place_of(item)
        self._set(place, text(mapping(mapping(item.get("metadata")).get("annotations")).get(IRSA)))
        return place

    def drop(self, item: Mapping[str, Any]) -> None:
        self._set(place_of(item), "")

    def keep_only(self, namespace: str | None, keys: set[Place]) -> None:
        for place in [p for p in self.roles if _within(namespace, p) and p not in keys]:
            self._set(place, "")

    def _set(self, place: Place, role: str) -> None:
        if role == self.roles.get(place, ""):
            return
        if role:
            self.roles[place] = role
        else:
            del self.roles[place]
        self._changed(place)


def parent_of(workload: Workload) -> ObjectKey | None:
    """The workload that made this one, if one did."""
    owner = workload.parent
    return ObjectKey(workload.key.namespace, owner.kind, owner.name) if owner else None


def owner_key(pod: Pod, kinds: Iterable[Kind]) -> ObjectKey | None:
    """The workload that a pod's controller leads to, of the kinds we know."""
    if pod.owner is None:
        return None
    for kind in kinds:
        if name := kind.owns(pod.owner):
            return ObjectKey(pod.namespace, kind.name, name)
    return None
