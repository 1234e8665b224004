"""The independent reads behind a proof: many halted workloads with few lists, never from the mirror."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from killswitch_backends.kubernetes.api import Api
from killswitch_backends.kubernetes.failures import Unreadable
from killswitch_backends.kubernetes.kinds.batch import JOBS
from killswitch_backends.kubernetes.kinds.reading import controller_of
from killswitch_backends.kubernetes.listing import Query, everything, one_object, queries_for
from killswitch_backends.kubernetes.mirror.stores import owner_key
from killswitch_backends.kubernetes.pods import Pod, pod_of
from killswitch_backends.kubernetes.proof import Look, Nodes
from killswitch_backends.kubernetes.reading import Found, Reader
from killswitch_backends.kubernetes.records import Selector, Workload, items, mapping, text
from killswitch_backends.kubernetes.resources import NODES, POD, PODS, ObjectKey
from killswitch_backends.problems import Gone, Problem, Refused

_PARALLEL = 8
_FEW_NODES = 8


@dataclass(frozen=True, slots=True)
class Prover:
    """Looks at halted workloads."""

    api: Api
    reader: Reader
    now: Callable[[], datetime]

    async def look(
        self, keys: Iterable[ObjectKey], nodes: Iterable[str], then: Mapping[ObjectKey, Selector] = MappingProxyType({})
    ) -> Mapping[ObjectKey, Look]:
        """Read the objects, then their pods, then the nodes that pods were seen on or are on.

        ``then``: the selectors that they had, for those that are gone.
        """
        keys = list(keys)
        workloads = await self.reader.many(keys)
        single, rest = [key for key in keys if key.kind == POD], [key for key in keys if key.kind != POD]
        pods = (await self._pods(rest, workloads, then) if rest else {}) | await self.by_name(single)
        named = {pod.node for found in pods.values() if not isinstance(found, Problem) for pod in found}
        states = await self._nodes({*nodes, *named} - {""})
        at = self.now()
        return {key: Look(workloads[key], pods[key], states, at) for key in keys}

    async def by_name(self, keys: Iterable[ObjectKey]) -> dict[ObjectKey, list[Pod] | Problem]:
        """Single pods, each by its name; an empty list: there is none of this name."""
        gate = asyncio.Semaphore(_PARALLEL)

        async def read(key: ObjectKey) -> list[Pod] | Problem:
            try:
                async with gate:
                    return [pod_of(await one_object(self.api, PODS, key.namespace, key.name, attempts=2))]
            except Gone:
                return []
            except Problem as problem:
                return problem

        async with asyncio.TaskGroup() as tasks:
            reads = {key: tasks.create_task(read(key), name=f"read pod {key}") for key in keys}
        return {key: task.result() for key, task in reads.items()}

    async def _pods(
        self, keys: list[ObjectKey], workloads: Found, then: Mapping[ObjectKey, Selector]
    ) -> dict[ObjectKey, list[Pod] | Problem]:
        """The pods of each, by owner, and ownerless ones by selector."""
        wanted = self._wanted(keys, workloads)
        made = await self._made(workloads)
        lists = await self._lists(queries_for(wanted, everywhere=not self.reader.settings.namespaces))
        if isinstance(lists.get(None), Refused | Unreadable):  # rights, or sense, in some namespaces only
            lists = await self._lists(queries_for(wanted, everywhere=False))
        kinds = self.reader.kinds.values()
        owned: defaultdict[ObjectKey, list[Pod]] = defaultdict(list)
        stray: defaultdict[str, list[Pod]] = defaultdict(list)
        every: defaultdict[str, list[Pod]] = defaultdict(list)
        for listed in lists.values():
            for pod in () if isinstance(listed, Problem) else listed:
                every[pod.namespace].append(pod)
                if owner := owner_key(pod, kinds):
                    owned[owner].append(pod)
                elif pod.owner is None:
                    stray[pod.namespace].append(pod)
        found: dict[ObjectKey, list[Pod] | Problem] = {}
        for key in keys:
            listed = lists.get(None, lists.get(key.namespace, []))
            workload, children = workloads[key], made.get(key, [])
            if isinstance(listed, Problem):
                found[key] = listed
            elif isinstance(children, Problem):
                found[key] = children
            else:
                selector = workload.selector if isinstance(workload, Workload) else then.get(key, Selector())
                loose = self.reader.kinds[key.kind].loose
                mine = owned[key] + [pod for child in children for pod in owned[child]]
                others = every[key.namespace] if loose else stray[key.namespace]
                known = {pod.uid for pod in mine}
                found[key] = mine + [p for p in others if p.uid not in known and selector.matches(p.labels)]
        return found

    async def _made(self, workloads: Found) -> dict[ObjectKey, list[ObjectKey] | Problem]:
        """The Jobs that these CronJobs (and their like) started, whatever labels they carry."""
        made: dict[ObjectKey, list[ObjectKey] | Problem] = {
            key: [] for key in workloads if (kind := self.reader.kinds.get(key.kind)) and kind.children
        }
        for namespace in {key.namespace for key in made}:
            try:
                jobs = await everything(self.api, JOBS, Query(namespace), attempts=2)
            except Problem as problem:
                made |= dict.fromkeys((key for key in made if key.namespace == namespace), problem)
                continue
            for meta in (mapping(job.get("metadata")) for job in jobs):
                owner = controller_of(meta)
                parent = ObjectKey(namespace, owner.kind, owner.name) if owner else None
                if parent in made and isinstance(known := made[parent], list):
                    known.append(ObjectKey(namespace, "Job", text(meta.get("name"))))
        return made

    def _wanted(self, keys: Iterable[ObjectKey], workloads: Found) -> list[tuple[str, Mapping[str, str]]]:
        """Where to look for each one's pods: anywhere in its namespace, unless a selector surely holds for them all."""
        wanted: list[tuple[str, Mapping[str, str]]] = []
        for key in keys:
            workload = workloads[key]
            if isinstance(workload, Workload):
                narrow = {} if workload.selector.guessed else dict(workload.selector.labels)
                wanted.append((key.namespace, narrow))
            elif isinstance(workload, Gone):
                wanted.append((key.namespace, {}))
        return wanted

    async def _lists(self, queries: list[Query]) -> dict[str | None, list[Pod] | Problem]:
        gate = asyncio.Semaphore(_PARALLEL)
        async with asyncio.TaskGroup() as tasks:
            lists = {
                query.namespace: tasks.create_task(self._listed(query, gate), name=f"list pods of {query.namespace}")
                for query in queries
            }
        return {namespace: task.result() for namespace, task in lists.items()}

    async def _listed(self, query: Query, gate: asyncio.Semaphore) -> list[Pod] | Problem:
        try:
            async with gate:
                return [pod_of(item, every_label=True) for item in await everything(self.api, PODS, query, attempts=2)]
        except Problem as problem:
            return problem

    async def _nodes(self, names: set[str]) -> Nodes:
        """Which of these nodes are ready. No right to read nodes is said; no answer counts as not ready."""
        if len(names) <= _FEW_NODES:
            async with asyncio.TaskGroup() as tasks:
                reads = [tasks.create_task(self._node(name), name=f"read node {name}") for name in sorted(names)]
            found = [read.result() for read in reads]
        else:
            found = await self._all_nodes()
        if refused := next((node for node in found if isinstance(node, Refused)), None):
            return Nodes({}, str(refused))
        known = dict(node for node in found if isinstance(node, tuple) and node[0] in names)
        if any(isinstance(node, Problem) and not isinstance(node, Gone) for node in found):
            known = dict.fromkeys(names, False) | known
        return Nodes(known)

    async def _all_nodes(self) -> list[tuple[str, bool] | Problem]:
        try:
            return [_readiness(item) for item in await everything(self.api, NODES, Query(None), attempts=2)]
        except Problem as problem:
            return [problem]

    async def _node(self, name: str) -> tuple[str, bool] | Problem:
        try:
            return _readiness(await one_object(self.api, NODES, None, name, attempts=2))
        except Problem as problem:
            return problem


def _readiness(item: Mapping[str, object]) -> tuple[str, bool]:
    conditions = items(mapping(item.get("status")).get("conditions"))
    ready = any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)
    return text(mapping(item.get("metadata")).get("name")), ready
