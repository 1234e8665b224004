"""All list-and-watches of one table together, and those who follow them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

from killswitch_backends.kubernetes.api import Api, backoff
from killswitch_backends.kubernetes.background import Background
from killswitch_backends.kubernetes.discovery import Catalogue
from killswitch_backends.kubernetes.kinds.kind import Kind
from killswitch_backends.kubernetes.listing import Query
from killswitch_backends.kubernetes.mirror.source import Source
from killswitch_backends.kubernetes.mirror.stores import Accounts, Place, Pods, Workloads, parent_of
from killswitch_backends.kubernetes.mirror.vanished import Vanishings
from killswitch_backends.kubernetes.pods import Pod
from killswitch_backends.kubernetes.records import Workload
from killswitch_backends.kubernetes.resources import POD, PODS, SERVICE_ACCOUNTS, ObjectKey
from killswitch_backends.kubernetes.settings import KubernetesSettings
from killswitch_backends.problems import Problem, Refused
from killswitch_backends.protocol import LabelKeys

_LEARN_SECONDS = 120.0
"""Kinds may be installed while this runs: so often the cluster is asked what it serves."""


class Follower:
    """One reader's list of what changed since it last looked; many changes of one workload are one."""

    def __init__(self) -> None:
        self._touched: dict[ObjectKey, None] = {}
        self.stirred = asyncio.Event()
        """Set when a workload was touched, or the mirror's condition changed."""

    def touch(self, key: ObjectKey) -> None:
        self._touched[key] = None
        self.stirred.set()

    def take(self) -> list[ObjectKey]:
        """The workloads touched since last time."""
        touched, self._touched = self._touched, {}
        self.stirred.clear()
        return list(touched)


class Mirror:
    """A live picture of the agents' workloads, pods and roles. Begins at first use and lasts as long as its tasks."""

    def __init__(
        self,
        api: Api,
        settings: KubernetesSettings,
        catalogue: Catalogue,
        labels: LabelKeys,
        tasks: Background,
        now: Callable[[], datetime],
    ) -> None:
        self._api, self._catalogue, self._labels, self._tasks = api, catalogue, labels, tasks
        self._selector = settings.selector or labels.agent
        self._namespaces: tuple[str | None, ...] = settings.namespaces or (None,)
        self._followers: set[Follower] = set()
        self._running = False
        self._was_live = False
        self._workloads = {name: Workloads(kind, labels, self._touch) for name, kind in catalogue.kinds.items()}
        self.vanishings = Vanishings(now)
        bare = self._workloads[POD]
        self.pods = Pods(catalogue.kinds, self._touch, bare, vanishings=self.vanishings, now=now)
        self._unlabelled = Pods(catalogue.kinds, self._touch, None, vanishings=self.vanishings, now=now)
        self.accounts = Accounts(self._account_changed)
        self._sources = [
            *(source for name in catalogue.kinds if name != POD for source in self._sources_of(name)),
            *(Source(api, PODS, query, self.pods, self._stir, optional=True) for query in self._queries()),
            *(
                Source(api, SERVICE_ACCOUNTS, Query(namespace), self.accounts, self._stir, optional=True)
                for namespace in self._namespaces
            ),
        ]
        self._unlabelled_in: set[str] = set()
        self._learned = False
        self._learning: Problem | None = None
        """What keeps the custom kinds from being known."""

    def _queries(self, without: Iterable[str] = ()) -> list[Query]:
        selector = ",".join((self._selector, *(f"!{label}" for label in without)))
        return [Query(namespace, selector) for namespace in self._namespaces]

    def _sources_of(self, name: str) -> list[Source]:
        """Where no Deployments may be read there is hardly a cluster; rights to the other kinds are often not given."""
        kind, store = self._catalogue.kinds[name], self._workloads[name]
        optional = name != "Deployment"
        queries = self._queries(kind.without)
        return [Source(self._api, kind.resource, query, store, self._stir, optional=optional) for query in queries]

    @property
    def live(self) -> bool:
        """Whether everything was listed and every watch stands."""
        learned = self._learned or isinstance(self._learning, Refused)
        return learned and all(source.ready for source in self._sources)

    @property
    def obstacles(self) -> list[Problem]:
        """What keeps it from being live."""
        found = [source.problem for source in self._sources if source.problem and not source.ready]
        return [*found, self._learning] if self._learning and not self.live else found

    @property
    def problems(self) -> list[Problem]:
        """What cannot be seen now, live or not."""
        found = [source.problem for source in self._sources if source.problem]
        return [*found, self._learning] if self._learning else found

    @property
    def broken(self) -> list[Problem]:
        """Objects that cannot be read: they may be anybody's, so not everything is seen while there are some."""
        return [found for source in self._sources if (found := source.unreadable)]

    @contextmanager
    def followed(self) -> Iterator[Follower]:
        """Hear of changes; starts the list-and-watches if nobody did."""
        follower = Follower()
        self._followers.add(follower)
        self._start()
        try:
            yield follower
        finally:
            self._followers.discard(follower)

    def workload(self, key: ObjectKey) -> Workload | None:
        """What is known of one workload; None also where it is not one of the selected agents."""
        store = self._workloads.get(key.kind)
        return store.records.get((key.namespace, key.name)) if store else None

    def every_workload(self) -> list[Workload]:
        """All that is known now, but for what another known workload made."""
        stores = self._workloads.values()
        return [workload for store in stores for workload in store.records.values() if not self._maker(workload)]

    def pods_of(self, key: ObjectKey) -> list[Pod]:
        """The pods of a workload and of what it made, terminating ones included."""
        keys = self._with_made(key)
        pods = {pod.uid: pod for one in keys for pod in self._unlabelled.of(one)}
        return list((pods | {pod.uid: pod for one in keys for pod in self.pods.of(one)}).values())

    def has_pod(self, place: Place, uid: str) -> bool:
        """Whether this very pod is there, as far as is known."""
        return self.pods.has(place, uid) or self._unlabelled.has(place, uid)

    def watched_since(self, key: ObjectKey, *, had_pods: bool) -> datetime | None:
        """From when on no pod of a workload can have gone unnoticed; None: its pods are not watched.

        Args:
            key: the workload.
            had_pods: whether it is known to have some: then some must have been seen here.
        """
        keys = self._with_made(key)
        for store in (self.pods, self._unlabelled):
            since = store.since.get(None) or store.since.get(key.namespace)
            if since and (not had_pods or any(store.ever_had(one) for one in keys)):
                return max(since, self.vanishings.forgotten or since)
        return None

    def watch_unlabelled(self, namespace: str) -> None:
        """Watch all pods of a namespace too: a workload there has pods that do not carry its agent label."""
        if namespace not in self._unlabelled_in:
            self._unlabelled_in.add(namespace)
            query = Query(namespace)
            self._run([Source(self._api, PODS, query, self._unlabelled, self._stir, optional=True)])

    def _with_made(self, key: ObjectKey) -> list[ObjectKey]:
        """A workload and what it made."""
        return [key, *self._made(key)]

    def _made(self, key: ObjectKey) -> list[ObjectKey]:
        return [child for store in self._workloads.values() for child in store.children(key)]

    def is_part(self, key: ObjectKey) -> bool:
        """Whether another known workload made this one, and answers for it: it is no target of its own."""
        workload = self.workload(key)
        return workload is not None and self._maker(workload) is not None

    def _maker(self, workload: Workload) -> ObjectKey | None:
        """The known workload that made this one and answers for it."""
        if workload.parent is None or workload.parent.kind not in self._workloads:
            return None
        made_by = parent_of(workload)
        return made_by if made_by and self.workload(made_by) else None

    def _start(self) -> None:
        if not self._running:
            self._running = True
            self._tasks.start(self._learn(), name="discover custom kinds")
            self._run(self._sources)

    def _run(self, sources: Iterable[Source]) -> None:
        for source in sources:
            name = f"watch of {source.resource} in {source.query.namespace}"
            source.task = self._tasks.start(source.run(), name=name)

    async def _learn(self) -> None:
        """Find the custom kinds that the cluster serves, then watch them too; look for new ones now and then."""
        failures = 0
        while True:
            try:
                await self._catalogue.discover(older_than=_LEARN_SECONDS if self._learned else None)
            except Problem as problem:
                failures += 1
                if not self._learned:
                    self._learning = problem
                    self._stir()
                await asyncio.sleep(backoff(failures, getattr(problem, "retry_after", None), most=30.0))
                continue
            failures = 0
            self._watch_new_kinds()
            await asyncio.sleep(_LEARN_SECONDS)

    def _watch_new_kinds(self) -> None:
        """Watch kinds that are new, and anew those that are served, or read, in another way than before."""
        fresh = [name for name, kind in self._catalogue.kinds.items() if self._kind_watched(name) != kind]
        for name in fresh:
            self._end_watches_of(name)
            store = self._workloads.setdefault(name, Workloads(self._catalogue.kinds[name], self._labels, self._touch))
            store.kind = self._catalogue.kinds[name]
        added = [source for name in fresh for source in self._sources_of(name)]
        self._sources += added
        self._run(added)
        for pods in (self.pods, self._unlabelled):
            pods.adopt()
        if fresh or not self._learned:
            self._learning, self._learned = None, True
            self._stir()

    def _kind_watched(self, name: str) -> Kind | None:
        store = self._workloads.get(name)
        return store.kind if store else None

    def _end_watches_of(self, name: str) -> None:
        if store := self._workloads.get(name):
            for source in [source for source in self._sources if source.sink is store]:
                self._sources.remove(source)
                if source.task:
                    source.task.cancel()

    def _touch(self, key: ObjectKey) -> None:
        """Tell of a workload, of its maker, which its pods count for, and of what it made.

        Who made what may be learnt in any order: a Job may be listed before its CronJob, or before its kind was known.
        """
        touched = [key, *self._made(key)]
        if (workload := self.workload(key)) and (made_by := self._maker(workload)):
            touched.append(made_by)
        for follower in self._followers:
            for one in touched:
                follower.touch(one)

    def _stir(self) -> None:
        self._was_live = self._was_live or self.live
        for follower in self._followers:
            follower.stirred.set()

    def _account_changed(self, place: Place) -> None:
        if not self._was_live:
            return  # the first listing: whoever follows reads everything when it is complete
        for workload in self.every_workload():
            if (workload.key.namespace, workload.account) == place:
                self._touch(workload.key)
