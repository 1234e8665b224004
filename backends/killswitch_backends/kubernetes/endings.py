"""How the pods of one halted workload ended: by their node's word, unwatched, or not at all as far as anybody knows.

That a pod is gone from the API proves nothing by itself: deleted by force it vanishes at once, and its containers run
on for as long as their node lets them. What a watch saw of its end decides; where nobody watched, time does: a kubelet
ends the containers of a removed pod within their grace.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from killswitch_backends.kubernetes.mirror.mirror import Mirror
from killswitch_backends.kubernetes.mirror.vanished import Vanished
from killswitch_backends.kubernetes.pods import Pod
from killswitch_backends.kubernetes.proof import Ends, Look, selector_then
from killswitch_backends.kubernetes.records import DEFAULT_GRACE, Workload, number
from killswitch_backends.kubernetes.resources import POD, ObjectKey
from killswitch_backends.problems import Problem
from killswitch_backends.protocol import Watch

MARGIN = 3.0
"""Seconds beyond a grace: a kubelet adds two where a preStop hook used it up, and takes a moment to notice."""
_LAG = 0.5
"""Seconds that a watch may be behind a list before its silence counts."""


@dataclass(slots=True)
class _Seen:
    """One pod that was seen since the halt."""

    pod: Pod
    watched: bool
    """A watch has seen it: had it ended by force, that would be known."""
    missed_at: float | None = None
    """Loop time when it was found gone."""
    ended: bool = False
    forced: bool = False
    there: bool | None = None
    """Whether it was there when it was read by its name, since it was found gone; None: not read yet."""


@dataclass(slots=True)
class Endings:
    """The pods of one halted workload that were seen, and what became of each."""

    watch: Watch
    key: ObjectKey
    mirror: Mirror
    clock: Callable[[], float]
    loose: bool = False
    """Its pods are told by its selector, whoever controls them (or what controls them is not known yet)."""
    _seen: dict[str, _Seen] = field(default_factory=dict)
    _first_look: datetime | None = None
    _proven_at: datetime | None = None
    """Up to when all that vanished is accounted for."""

    def knows(self, uid: str) -> bool:
        """Whether a pod was seen before."""
        return uid in self._seen

    def saw(self, pods: Iterable[Pod]) -> None:
        """These are there, and may act."""
        for pod in pods:
            place = (pod.namespace, pod.name)
            before = self._seen.get(pod.uid)
            watched = (before is not None and before.watched) or self.mirror.has_pod(place, pod.uid)
            self._seen[pod.uid] = _Seen(pod, watched)

    def account(self, look: Look) -> None:
        """What a look shows is there; what it does not show any more has gone somehow: find out how."""
        if isinstance(look.pods, Problem):
            return
        self._first_look = self._first_look or look.at
        self.saw(pod for pod in look.pods if not pod.over)
        there, over = {pod.uid for pod in look.pods if not pod.over}, {pod.uid for pod in look.pods if pod.over}
        for one in self._vanished(look):
            self._seen.setdefault(one.pod.uid, _Seen(one.pod, watched=True))
        for uid, seen in self._seen.items():
            if uid not in there and not seen.ended:
                self._settle(seen, over=uid in over)

    def _vanished(self, look: Look) -> list[Vanished]:
        """Those that went before they were seen."""
        selector = look.workload.selector if isinstance(look.workload, Workload) else selector_then(self.watch)
        since = self._proven_at or self.watch.captured.at
        if self.key.kind == POD:
            uid = str(self.watch.captured.prior.get("uid"))
            return [one] if (one := self.mirror.vanishings.get(uid)) else []
        return self.mirror.vanishings.of(self.key, selector, since, loose=self.loose)

    def _settle(self, seen: _Seen, *, over: bool) -> None:
        pod = seen.pod
        if seen.missed_at is None:
            seen.missed_at = self.clock()
        if over or not pod.node:
            seen.ended = True
        elif self.mirror.has_pod((pod.namespace, pod.name), pod.uid):
            seen.watched = True  # the watch is behind, or broken: it, or time, will tell
        elif one := self.mirror.vanishings.get(pod.uid):
            seen.forced = one.forced
        else:
            seen.ended = seen.watched

    def doubtful(self) -> list[Pod]:
        """Pods whose end nobody reported: they may only be out of sight, so they are to be read by their names."""
        soon = self.clock() - _LAG
        return [
            seen.pod
            for seen in self._seen.values()
            if not seen.ended and seen.there is not False and seen.missed_at is not None
            if seen.forced or seen.missed_at <= soon
        ]

    def read(self, uid: str, found: Pod | None) -> None:
        """What came of reading a doubtful pod by its name; None: it is gone."""
        seen = self._seen[uid]
        if found is None or found.uid != uid:
            seen.there = False
        elif found.over:
            seen.ended = True
        else:
            seen.there = True
            self.mirror.watch_unlabelled(found.namespace)  # or its end would not be seen

    @property
    def nodes(self) -> dict[str, str]:
        """The node of each pod whose end is not known, by uid, and of those captured where not all were watched."""
        nodes = {uid: seen.pod.node for uid, seen in self._seen.items() if not seen.ended}
        return nodes if self._all_watched else nodes | {node: node for node in self._captured_nodes()}

    def _captured_nodes(self) -> Iterator[str]:
        known = self.watch.captured.prior.get("nodes")
        if self._proven_at is None and isinstance(known, list):
            yield from map(str, known)

    @property
    def _watched_since(self) -> datetime | None:
        """From when on no pod of it can have gone unnoticed."""
        return self._proven_at or self.mirror.watched_since(self.key, had_pods=self._had_pods)

    @property
    def _had_pods(self) -> bool:
        """Whether a watch must have seen pods of it, if it sees them at all."""
        return self.watch.captured.running > 0 and not self.loose

    @property
    def _all_watched(self) -> bool:
        """Whether no pod can have gone unnoticed since the capture (or the last proof)."""
        since = self._watched_since
        return since is not None and (since == self._proven_at or since <= self.watch.captured.at)

    def ends(self, look: Look) -> Ends:
        """What is known now."""
        open_ends = [seen for seen in self._seen.values() if not seen.ended and seen.missed_at is not None]
        strays = [seen for seen in open_ends if seen.there]
        forced = [seen for seen in open_ends if seen.forced and not seen.there]
        unseen = [seen for seen in open_ends if not seen.forced and not seen.there]
        waits = [(seen.missed_at or 0.0) + seen.pod.grace + MARGIN - self.clock() for seen in unseen]
        found = Ends(
            told=sum(seen.ended for seen in self._seen.values()),
            forced=tuple(_words(seen.pod) for seen in forced),
            strays=tuple(_words(seen.pod) for seen in strays),
            unseen=len(unseen),
            wait=max(waits, default=0.0),
        )
        return found if self._all_watched else self._from_then_on(found, look)

    def _from_then_on(self, found: Ends, look: Look) -> Ends:
        """Pods may have gone before anybody watched: the grace of the last of them must be over too."""
        known = number(self.watch.captured.prior.get("grace"))
        unknown = DEFAULT_GRACE if known is None else known
        grace = look.workload.grace if isinstance(look.workload, Workload) else unknown
        began = self._watched_since or self._first_look or look.at
        return replace(found, unwatched=True, wait=max(found.wait, grace + MARGIN - (look.at - began).total_seconds()))

    def proven(self, at: datetime) -> None:
        """All is accounted for up to now."""
        self._proven_at = at
        for seen in self._seen.values():
            seen.ended = True


def _words(pod: Pod) -> str:
    return f"{pod.name} on node {pod.node}" if pod.node else pod.name
