"""All list-and-watches of one table together, and those who follow them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from killswitch_backends.kubernetes.api import Api
from killswitch_backends.kubernetes.background import Background
from killswitch_backends.kubernetes.kinds.kind import Kind
from killswitch_backends.kubernetes.listing import Query
from killswitch_backends.kubernetes.mirror.source import Source
from killswitch_backends.kubernetes.mirror.stores import Accounts, Place, Pods, Workloads
from killswitch_backends.kubernetes.records import Workload
from killswitch_backends.kubernetes.resources import PODS, SERVICE_ACCOUNTS, ObjectKey
from killswitch_backends.kubernetes.settings import KubernetesSettings
from killswitch_backends.problems import Problem
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
        self, api: Api, settings: KubernetesSettings, kinds: Mapping[str, Kind], labels: LabelKeys, tasks: Background
    ) -> None:
        self._tasks = tasks
        self._followers: set[Follower] = set()
        self._running: list[asyncio.Task[None]] = []
        self.pods = Pods(kinds, self._touch)
        self.accounts = Accounts(self._account_changed)
        self._workloads = {name: Workloads(kind, labels, self._touch) for name, kind in kinds.items()}
        selector = settings.selector or labels.agent
        queries = [Query(n, selector) for n in settings.namespaces or (None,)]
        self._sources = [
            *(
                Source(api, kinds[name].resource, query, store, self._stir)
                for name, store in self._workloads.items()
                for query in queries
            ),
            *(Source(api, PODS, query, self.pods, self._stir, optional=True) for query in queries),
            *(
                Source(api, SERVICE_ACCOUNTS, Query(q.namespace), self.accounts, self._stir, optional=True)
                for q in queries
            ),
        ]

    @property
    def live(self) -> bool:
        """Whether everything was listed and every watch stands."""
        return all(source.ready for source in self._sources)

    @property
    def obstacles(self) -> list[Problem]:
        """What keeps it from being live."""
        return [source.problem for source in self._sources if source.problem and not source.ready]

    @property
    def problems(self) -> list[Problem]:
        """What cannot be seen now, live or not."""
        return [source.problem for source in self._sources if source.problem]

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
        """All that is known now."""
        return [workload for store in self._workloads.values() for workload in store.records.values()]

    def _start(self) -> None:
        if not self._running:
            self._running = [
                self._tasks.start(source.run(), name=f"watch of {source.resource} in {source.query.namespace}")
                for source in self._sources
            ]

    def _touch(self, key: ObjectKey) -> None:
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
