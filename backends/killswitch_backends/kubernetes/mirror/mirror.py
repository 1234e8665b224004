"""All list-and-watches of one table together, and those who follow them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from killswitch_backends.kubernetes.api import Api, backoff
from killswitch_backends.kubernetes.background import Background
from killswitch_backends.kubernetes.discovery import Catalogue
from killswitch_backends.kubernetes.listing import Query
from killswitch_backends.kubernetes.mirror.source import Source
from killswitch_backends.kubernetes.mirror.stores import Accounts, Place, Pods, Workloads, parent_of
from killswitch_backends.kubernetes.records import Pod, Workload
from killswitch_backends.kubernetes.resources import POD, PODS, SERVICE_ACCOUNTS, ObjectKey
from killswitch_backends.kubernetes.settings import KubernetesSettings
from killswitch_backends.problems import Problem, Refused
from killswitch_backends.protocol import LabelKeys


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
        self, api: Api, settings: KubernetesSettings, catalogue: Catalogue, labels: LabelKeys, tasks: Background
    ) -> None:
        self._api, self._catalogue, self._labels, self._tasks = api, catalogue, labels, tasks
        self._selector = settings.selector or labels.agent
        self._namespaces: tuple[str | None, ...] = settings.namespaces or (None,)
        self._followers: set[Follower] = set()
        self._running: list[asyncio.Task[None]] = []
        self._workloads = {name: Workloads(kind, labels, self._touch) for name, kind in catalogue.kinds.items()}
        self.pods = Pods(catalogue.kinds, self._touch, self._workloads[POD])
        self.accounts = Accounts(self._account_changed)
        self._sources = [
            *(source for name in catalogue.kinds if name != POD for source in self._sources_of(name)),
            *(Source(api, PODS, query, self.pods, self._stir, optional=True) for query in self._queries()),
            *(
                Source(api, SERVICE_ACCOUNTS, Query(namespace), self.accounts, self._stir, optional=True)
                for namespace in self._namespaces
            ),
        ]
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
        return (self._learned or isinstance(self._learning, Refused)) and all(source.ready for source in self._sources)

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
        made = [child for store in self._workloads.values() for child in store.children(key)]
        return [pod for one in (key, *made) for pod in self.pods.of(one)]

    def _maker(self, workload: Workload) -> ObjectKey | None:
        """The known workload that made this one and answers for it."""
        if workload.parent is None or workload.parent.kind not in self._workloads:
            return None
        made_by = parent_of(workload)
        return made_by if made_by and self.workload(made_by) else None

    def _start(self) -> None:
        if not self._running:
            self._running = [self._tasks.start(self._learn(), name="discover custom kinds")]
            self._run(self._sources)

    def _run(self, sources: Iterable[Source]) -> None:
        self._running += [
            self._tasks.start(source.run(), name=f"watch of {source.resource} in {source.query.namespace}")
            for source in sources
        ]

    async def _learn(self) -> None:
        """Find the custom kinds that the cluster serves, then watch them too."""
        failures = 0
        while not self._catalogue.discovered:
            try:
                await self._catalogue.discover()
            except Problem as problem:
                failures += 1
                self._learning = problem
                self._stir()
                await asyncio.sleep(backoff(failures, getattr(problem, "retry_after", None), most=30.0))
        self._learning = None
        fresh = [name for name in self._catalogue.kinds if name not in self._workloads]
        for name in fresh:
            self._workloads[name] = Workloads(self._catalogue.kinds[name], self._labels, self._touch)
        added = [source for name in fresh for source in self._sources_of(name)]
        self._sources += added
        self._run(added)
        self._learned = True
        self._stir()

    def _touch(self, key: ObjectKey) -> None:
        if (workload := self.workload(key)) and (made_by := self._maker(workload)):
            key = made_by
        for follower in self._followers:
            follower.touch(key)

    def _stir(self) -> None:
        for follower in self._followers:
            follower.stirred.set()

    def _account_changed(self, place: Place) -> None:
        if not self.live:
            return  # the first listing: whoever follows reads everything when it is complete
        for workload in self.every_workload():
            if (workload.key.namespace, workload.account) == place:
                self._touch(workload.key)
