"""Finding what may bring workloads back: few lists for many workloads, and a word for what could not be asked."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from killswitch_backends.kubernetes.api import Api
from killswitch_backends.kubernetes.background import Background
from killswitch_backends.kubernetes.companions import autoscalers, children, gitops, operators
from killswitch_backends.kubernetes.companions.companion import Companion
from killswitch_backends.kubernetes.discovery import Catalogue
from killswitch_backends.kubernetes.kinds.batch import JOBS
from killswitch_backends.kubernetes.listing import Query, everything
from killswitch_backends.kubernetes.records import Tracking, Workload
from killswitch_backends.kubernetes.resources import AUTOSCALERS, ObjectKey, Resource
from killswitch_backends.kubernetes.settings import KubernetesSettings, Revivers
from killswitch_backends.problems import Gone, Problem, Unreachable

Listed = list[Mapping[str, Any]]

_FEW_NAMESPACES = 8
_ARGO_NAMESPACE = "argocd"
_FRESH_SECONDS = 3.0
"""A plan asks for the same lists twice within a moment: once to say it, once to capture it."""


@dataclass(slots=True)
class Neighbours:
    """What stands behind one workload."""

    companions: list[Companion] = field(default_factory=list)
    risks: list[str] = field(default_factory=list)


class Finder:
    """Looks for companions of workloads."""

    def __init__(self, api: Api, catalogue: Catalogue, settings: KubernetesSettings, tasks: Background) -> None:
        self._api, self._catalogue, self._settings, self._tasks = api, catalogue, settings, tasks
        self._recent: dict[tuple[str, str], tuple[float, asyncio.Task[Listed | Problem]]] = {}

    async def around(self, workloads: Sequence[Workload], *, fresh: bool = True) -> Mapping[ObjectKey, Neighbours]:
        """What stands behind each of these; ``fresh`` False takes lists that are a moment old."""
        if fresh:
            self._recent.clear()
        found: dict[ObjectKey, Neighbours] = {workload.key: Neighbours() for workload in workloads}
        if workloads:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._autoscalers(found), name="find autoscalers")
                tasks.create_task(self._tools(workloads, found), name="find deployment tools")
                tasks.create_task(self._owners(workloads, found), name="find owning operators")
                tasks.create_task(self._children(workloads, found), name="find running Jobs")
        return found

    async def _autoscalers(self, found: dict[ObjectKey, Neighbours]) -> None:
        namespaces = {key.namespace for key in found}
        try:
            keda = await self._catalogue.serves(autoscalers.KEDA, "ScaledObject")
            scaled = await self._listed(keda.resource, namespaces) if keda else []
            findings = [autoscalers.of_scaled_object(keda.resource, item) for item in scaled] if keda else []
            paused = {key for key, _, _ in findings}
            for item in await self._listed(AUTOSCALERS, namespaces):
                finding = autoscalers.of_autoscaler(item)
                if finding[0] not in paused:
                    findings.append(finding)
        except Problem as problem:
            for neighbours in found.values():
                neighbours.risks.append(f"autoscalers are unknown: {problem}")
            return
        for key, companion, risk in findings:
            if key in found:
                self._note(found[key], companion, risk)

    async def _tools(self, workloads: Iterable[Workload], found: dict[ObjectKey, Neighbours]) -> None:
        users: defaultdict[Tracking, list[ObjectKey]] = defaultdict(list)
        for workload in workloads:
            for tracking in workload.tracking:
                users[tracking].append(workload.key)
        for tracking, keys in users.items():
            companion, risk = await self._tool(tracking)
            for key in keys:
                if risk:
                    self._note(found[key], companion, risk)

    async def _tool(self, tracking: Tracking) -> tuple[Companion | None, str]:
        try:
            served = await self._catalogue.serves(gitops.GROUPS[tracking.kind], tracking.kind)
            if served is None:
                return None, f"{tracking.words} (from elsewhere: this cluster has no {tracking.kind})"
            place = served.resource.path(tracking.namespace or _ARGO_NAMESPACE, tracking.name)
            return gitops.of_tool(tracking.kind, served.resource, await self._api.get(place, attempts=3))
        except Gone:
            return None, f"{tracking.words} ({tracking.kind} {tracking.name} is not where it is looked for)"
        except Problem as problem:
            return None, f"{tracking.words} ({problem})"

    async def _owners(self, workloads: Iterable[Workload], found: dict[ObjectKey, Neighbours]) -> None:
        for workload in workloads:
            owner = workload.parent
            if owner is None:
                continue
            neighbours, risk = found[workload.key], f"{owner.kind} {owner.name} controls it and may put it back"
            if not owner.api_version.startswith(f"{operators.KAGENT}/"):
                neighbours.risks.append(risk)
                continue
            try:
                served = await self._catalogue.serves(operators.KAGENT, owner.kind)
                place = served.resource.path(workload.key.namespace, owner.name) if served else ""
                item = await self._api.get(place, attempts=3) if served else {}
                if served:
                    companion, words = operators.of_kagent(served.resource, item)
                    if words:
                        self._note(neighbours, companion, words)
            except Problem as problem:
                neighbours.risks.append(f"{risk} ({problem})")

    async def _children(self, workloads: Iterable[Workload], found: dict[ObjectKey, Neighbours]) -> None:
        """Part of the target itself, so held whatever is configured."""
        parents = {w.key for w in workloads if (kind := self._catalogue.kinds.get(w.key.kind)) and kind.children}
        try:
            for item in await self._listed(JOBS, {key.namespace for key in parents}) if parents else []:
                child = children.of_job(item)
                if child and child[0] in parents:
                    found[child[0]].companions.append(child[1])
        except Problem as problem:
            for key in parents:
                found[key].risks.append(f"its running Jobs are unknown: {problem}")

    def _note(self, neighbours: Neighbours, companion: Companion | None, risk: str) -> None:
        """Hold what can be held, unless only a report is wanted; what is held already stays so."""
        if companion is None:
            neighbours.risks.append(risk)
        elif self._settings.revivers is Revivers.NEUTRALISE or companion.holders:
            neighbours.companions.append(companion)
            neighbours.risks.append(f"{risk}: the halt holds it, the restore lets it go")
        else:
            neighbours.risks.append(f'{risk} (left alone: revivers = "report")')

    async def _listed(self, resource: Resource, namespaces: Iterable[str]) -> Listed:
        wanted = sorted(set(namespaces))
        everywhere = len(wanted) > _FEW_NAMESPACES and not self._settings.namespaces
        lists = [await self._list(resource, namespace) for namespace in ([""] if everywhere else wanted)]
        return [item for listed in lists for item in listed]

    async def _list(self, resource: Resource, namespace: str) -> Listed:
        """One list, shared by all who ask within a moment; it ends with the table, not with who asked first."""
        now, place = asyncio.get_running_loop().time(), (str(resource), namespace)
        begun, task = self._recent.get(place, (float("-inf"), None))
        failed = task is not None and task.done() and (task.cancelled() or isinstance(task.result(), Problem))
        if task is None or failed or now - begun > _FRESH_SECONDS:
            task = self._tasks.start(self._ask(resource, namespace), name=f"list {resource} of {namespace}")
            self._recent[place] = (now, task)
        await asyncio.wait([task])
        if task.cancelled():
            raise Unreachable(self._api.where, "the connection was closed")
        if isinstance(found := task.result(), Problem):
            raise found
        return found

    async def _ask(self, resource: Resource, namespace: str) -> Listed | Problem:
        try:
            return await everything(self._api, resource, Query(namespace or None), attempts=3)
        except Gone:
            return []  # a cluster without this API has none
        except Problem as problem:
            return problem
