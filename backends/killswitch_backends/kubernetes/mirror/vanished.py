"""Pods that are gone from the API without their node's word that they ended: what stands between them and a proof.

A pod deleted by force (grace 0) vanishes at once while its containers may run on; one that went while no watch stood
may have been. Pods whose node reported their end before they went are not kept here.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from killswitch_backends.kubernetes.pods import Pod
from killswitch_backends.kubernetes.records import Selector
from killswitch_backends.kubernetes.resources import ObjectKey

_MOST = 20_000


@dataclass(frozen=True, slots=True)
class Vanished:
    """One such pod; ``forced`` False: nobody was watching when it went."""

    pod: Pod
    owner: ObjectKey | None
    forced: bool
    at: datetime
    """When this was learnt (UTC)."""
    by: object
    """Who missed it."""


class Vanishings:
    """The latest of them, by uid."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._found: OrderedDict[str, Vanished] = OrderedDict()
        self.forgotten: datetime | None = None
        """Up to when what vanished is not remembered any more: there were too many."""

    def add(self, pod: Pod, owner: ObjectKey | None, *, forced: bool, by: object) -> None:
        self._found[pod.uid] = Vanished(pod, owner, forced, self._now(), by)
        if len(self._found) > _MOST:
            self.forgotten = self._found.popitem(last=False)[1].at

    def found_again(self, uid: str, *, by: object) -> None:
        """Who missed it has it again: a label was taken away, and given back."""
        if self._found and (found := self._found.get(uid)) and found.by is by:
            del self._found[uid]

    def ended(self, uid: str) -> None:
        """Its node reported its end after all: it had only been out of sight."""
        if self._found:
            self._found.pop(uid, None)

    def adopt(self, owner_of: Callable[[Pod], ObjectKey | None]) -> None:
        """The kinds have grown: those that were nobody's may be of a workload of a new kind."""
        for uid, one in self._found.items():
            if one.owner is None and (found := owner_of(one.pod)):
                self._found[uid] = replace(one, owner=found)

    def get(self, uid: str) -> Vanished | None:
        return self._found.get(uid)

    def of(self, key: ObjectKey, selector: Selector, since: datetime, *, loose: bool = False) -> list[Vanished]:
        """Those of a workload since a moment: by owner, or by selector where nothing known controls them.

        Args:
            key: the workload.
            selector: of its pods.
            since: only what was learnt from then on.
            loose: by selector, whoever controls them.
        """
        if not self._found:
            return []

        def selected(one: Vanished) -> bool:
            open_to_it = (loose or one.owner is None) and one.pod.namespace == key.namespace
            return open_to_it and selector.matches(one.pod.labels)

        return [one for one in self._found.values() if one.at >= since and (one.owner == key or selected(one))]
