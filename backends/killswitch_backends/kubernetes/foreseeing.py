"""What restoring workloads would meet: the API server's own answer to the patch, tried dry, and the pods' quotas.

A dry run goes through authorisation and every admission webhook, and stores nothing. A quota limits pods, not the
Deployment that asks for them, so the patch alone would be taken and the pods never come.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from killswitch_backends.kubernetes.api import Api
from killswitch_backends.kubernetes.changes import undo_patch
from killswitch_backends.kubernetes.kinds.kind import Kind
from killswitch_backends.kubernetes.reading import Reader
from killswitch_backends.kubernetes.records import items, mapping, text
from killswitch_backends.kubernetes.resources import POD, ObjectKey
from killswitch_backends.problems import Changed, Problem, Refused
from killswitch_backends.protocol import Watch
from killswitch_backends.restores import RestorePreflight

_PARALLEL = 8
_POD_QUOTAS = ("pods", "count/pods")


@dataclass(frozen=True, slots=True)
class Foreseer:
    """Finds out what restores would meet."""

    api: Api
    reader: Reader

    async def foresee(self, watches: Sequence[Watch]) -> list[RestorePreflight]:
        """See ``restores.ForeseesRestores``."""
        slots = asyncio.Semaphore(_PARALLEL)

        async def one(watch: Watch) -> RestorePreflight:
            async with slots:
                return await self._one(watch)

        found = list(await asyncio.gather(*(one(watch) for watch in watches)))
        short = await self._short_of_room(watches)
        return [
            replace(each, obstacles=(*each.obstacles, *short.get(ObjectKey.of(each.target).namespace, ())))
            if (watch.captured.prior.get("replicas") or 0)
            else each
            for each, watch in zip(found, watches, strict=True)
        ]

    async def _one(self, watch: Watch) -> RestorePreflight:
        key = ObjectKey.of(watch.target)
        if key.kind == POD:
            return RestorePreflight(watch.target, "nothing: its controller made another, or it is made again")
        kind = self.reader.kind_of(key)
        preflight = RestorePreflight(watch.target, _action(kind, watch.captured.prior), backlog=_backlog(kind))
        try:
            item = await self.api.get(kind.resource.path(key.namespace, key.name), attempts=2)
            await self._try(watch, kind, item)
        except Changed:
            return preflight  # it is not as the halt left it: the comparison shows how
        except Refused as refusal:
            return replace(preflight, obstacles=(str(refusal),))
        except Problem as problem:
            return replace(preflight, unknown=(f"whether it may be changed: {problem.what}",))
        return preflight

    async def _try(self, watch: Watch, kind: Kind, item: Mapping[str, Any]) -> None:
        workload = kind.workload(item, self.reader.labels)
        if workload.mark is None:
            return
        annotations = mapping(mapping(item.get("metadata")).get("annotations"))
        operations = undo_patch(kind, watch.captured.prior, workload.mark.halt_id, annotations=annotations)
        path = kind.resource.path(workload.key.namespace, workload.key.name)
        await self.api.patch(path, operations, where=str(watch.target), dry_run=True)

    async def _short_of_room(self, watches: Sequence[Watch]) -> dict[str, tuple[str, ...]]:
        """The namespaces whose quota has no room for all the pods that would come back, in words."""
        wanted: defaultdict[str, int] = defaultdict(int)
        for watch in watches:
            wanted[ObjectKey.of(watch.target).namespace] += int(watch.captured.prior.get("replicas") or 0)
        asked = [namespace for namespace, pods in wanted.items() if pods]
        answers = await asyncio.gather(*(self._quotas(namespace) for namespace in asked))
        return {
            namespace: short
            for namespace, quotas in zip(asked, answers, strict=True)
            if (short := tuple(_short(quota, namespace, wanted[namespace]) for quota in quotas if quota))
            and (short := tuple(filter(None, short)))
        }

    async def _quotas(self, namespace: str) -> list[Mapping[str, Any]]:
        try:
            answer = await self.api.get(f"/api/v1/namespaces/{namespace}/resourcequotas", attempts=2)
        except Problem:
            return []  # a right that a halt does not need; pods that do not come are seen after each stage anyway
        return items(mapping(answer).get("items"))


def _short(quota: Mapping[str, Any], namespace: str, wanted: int) -> str:
    status = mapping(quota.get("status"))
    hard = mapping(status.get("hard")) or mapping(mapping(quota.get("spec")).get("hard"))  # a new one has no status yet
    used = mapping(status.get("used"))
    for name in _POD_QUOTAS:
        limit, taken = text(hard.get(name)), text(used.get(name)) or "0"
        if limit.isdigit() and taken.isdigit() and int(taken) + wanted > int(limit):
            what = f"{taken} of {limit} pods are used and {wanted} would come back"
            name_of = text(mapping(quota.get("metadata")).get("name"))
            return f"quota {name_of} of {namespace} has no room: {what}; raise it, or restore in parts"
    return ""


def _action(kind: Kind, prior: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{field.name} {field.off!r} -> {prior[field.name]!r}" for field in kind.switch if field.name in prior
    )


def _backlog(kind: Kind) -> tuple[str, ...]:
    if kind.name == "CronJob":
        return ("a run that was due meanwhile starts at once, unless its startingDeadlineSeconds has passed",)
    if kind.name == "ScaledJob":
        return ("what its scaler's queue holds by then becomes Jobs at once",)
    return ()
