"""What a mirror remembers of a cluster: slim records of workloads, pods and service accounts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from killswitch_backends.kubernetes.containers import has_ended
from killswitch_backends.kubernetes.kinds.kind import Kind
from killswitch_backends.kubernetes.mirror.vanished import Vanishings
from killswitch_backends.kubernetes.pods import Pod, pod_of
from killswitch_backends.kubernetes.records import Workload, mapping, text
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
        self.kind = kind
        """How its objects are read; another once the cluster serves them in another version."""
        self._labels, self._touch = labels, touch
        self.records: dict[Place, Workload] = {}
        self._children: defaultdict[ObjectKey, set[ObjectKey]] = defaultdict(set)

    def children(self, parent: ObjectKey) -> set[ObjectKey]:
        """The workloads of this kind that one of another kind made."""
        return self._children.get(parent, set())

    def put(self, item: Mapping[str, Any]) -> Place:
        place = place_of(item)
        workload = self.kind.workload(item, self._labels)
        if (before := self.records.get(place)) and before.parent != workload.parent:
            self._unparent(before)
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
            self._unparent(workload)
            self._touch(workload.key)

    def _unparent(self, workload: Workload) -> None:
        parent = parent_of(workload)
        if parent and parent in self._children:
            self._children[parent].discard(workload.key)
            if not self._children[parent]:
                del self._children[parent]


class Pods:
    """Pods, found by the workload that their controller leads to."""

    def __init__(
        self,
        kinds: Mapping[str, Kind],
        touch: Touch,
        bare: Workloads | None,
        *,
        vanishings: Vanishings,
        now: Callable[[], datetime],
    ) -> None:
        """``kinds`` may grow; ``bare`` is told of pods that nothing controls, which are workloads of their own."""
        self._kinds, self._touch, self._bare = kinds, touch, bare
        self._vanishings, self._now = vanishings, now
        self._records: dict[Place, tuple[Pod, ObjectKey | None]] = {}
        self._of: defaultdict[ObjectKey, dict[Place, Pod]] = defaultdict(dict)
        self._ever: set[ObjectKey] = set()
        self.since: dict[str | None, datetime] = {}
        """From when on each namespace (None: all) is watched without a gap that is not in ``vanishings``."""

    def of(self, key: ObjectKey) -> list[Pod]:
        """The pods of a workload, terminating ones included."""
        return list(self._of[key].values()) if key in self._of else []

    def ever_had(self, key: ObjectKey) -> bool:
        """Whether any pod of a workload was ever seen here."""
        return key in self._ever

    def has(self, place: Place, uid: str) -> bool:
        """Whether this very pod is there, as far as is known."""
        found = self._records.get(place)
        return found is not None and found[0].uid == uid

    def put(self, item: Mapping[str, Any]) -> Place:
        place, pod = place_of(item), pod_of(item)
        owner = self._owner(pod)
        if self._bare and pod.owner is None:
            self._bare.put(item)
        elif self._bare and place in self._bare.records:
            self._bare.drop(item)  # something controls it from now on: it is no workload of its own any more
        self._replaced(place, pod)
        self._vanishings.found_again(pod.uid, by=self)
        self._forget(place, unless=owner)
        self._records[place] = (pod, owner)
        if owner:
            self._give(place, pod, owner)
        return place

    def adopt(self) -> None:
        """The kinds have grown: pods that came before the kind of their workload was known find it now."""
        self._vanishings.adopt(self._owner)
        for place, (pod, owner) in list(self._records.items()):
            if owner is None and (found := self._owner(pod)):
                self._records[place] = (pod, found)
                self._give(place, pod, found)

    def _give(self, place: Place, pod: Pod, owner: ObjectKey) -> None:
        self._of[owner][place] = pod
        self._ever.add(owner)
        self._touch(owner)

    def _owner(self, pod: Pod) -> ObjectKey | None:
        if pod.owner is None:
            return ObjectKey(pod.namespace, "Pod", pod.name) if self._bare else None
        return owner_key(pod, self._kinds.values())

    def _replaced(self, place: Place, pod: Pod) -> None:
        """Another pod of this name came up in a listing: the one before went while nobody watched."""
        before = self._records.get(place)
        if before and before[0].uid != pod.uid:
            self._went_unseen(place)

    def drop(self, item: Mapping[str, Any]) -> None:
        """It is gone, or not among those watched any more; ``item`` is how it was last.

        A pod whose own grace is 0 is never waited for: the API server forgets it at once, whoever deletes it.
        """
        spec, status = mapping(item.get("spec")), mapping(item.get("status"))
        pod = pod_of(item, every_label=True)
        if has_ended(spec, status):
            self._vanishings.ended(pod.uid)
        else:
            self._vanishings.add(pod, self._owner(pod), forced=pod.grace > 0, by=self)
        self._forget(place_of(item))
        if self._bare:
            self._bare.drop(item)

    def keep_only(self, namespace: str | None, keys: set[Place]) -> None:
        if self._bare:
            self._bare.keep_only(namespace, keys)
        for place in [p for p in self._records if _within(namespace, p) and p not in keys]:
            self._went_unseen(place)
            self._forget(place)
        self.since.setdefault(namespace, self._now())

    def _went_unseen(self, place: Place) -> None:
        pod, owner = self._records[place]
        if pod.node and not pod.over:
            self._vanishings.add(pod, owner, forced=False, by=self)

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
