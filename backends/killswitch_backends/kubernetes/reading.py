"""Reading many workloads now, from the API server, with few requests."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from killswitch_backends.kubernetes.api import Api
from killswitch_backends.kubernetes.failures import Unreadable
from killswitch_backends.kubernetes.kinds.kind import Kind
from killswitch_backends.kubernetes.listing import MOST_VALUES, Query, everything, one_object
from killswitch_backends.kubernetes.records import Workload
from killswitch_backends.kubernetes.resources import ObjectKey
from killswitch_backends.kubernetes.settings import KubernetesSettings
from killswitch_backends.problems import Gone, Problem, Refused, Unsupported
from killswitch_backends.protocol import LabelKeys

_HANDFUL = 4
"""Up to so many objects of a namespace are read one by one; more are listed."""
_PARALLEL = 16

Found = Mapping[ObjectKey, Workload | Problem]
"""For each key asked for: the workload, or why there is none (``Gone``: it does not exist)."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Fresh reads of workloads."""

    api: Api
    settings: KubernetesSettings
    kinds: Mapping[str, Kind]
    labels: LabelKeys
    known: Callable[[ObjectKey], Workload | None]
    """What was seen of a workload before, if anything: only used to ask for fewer objects."""

    def kind_of(self, key: ObjectKey) -> Kind:
        """The kind of a workload.

        Raises:
            Unsupported: for a kind that the backend has no sound mechanism for.
        """
        if (kind := self.kinds.get(key.kind)) is None:
            raise Unsupported(
                f"{self.api.where}/{key}",
                f"no sound mechanism to halt a {key.kind}",
                todo=f"known kinds: {', '.join(sorted(self.kinds))}",
            )
        if kind.unsupported:
            raise Unsupported(f"{self.api.where}/{key}", kind.unsupported)
        return kind

    async def one(self, key: ObjectKey, *, attempts: int = 1) -> Workload:
        """Read one workload. Raises a ``Problem``."""
        kind = self.kind_of(key)
        where = f"{self.api.where}/{key}"
        try:
            item = await self.item(key, attempts=attempts)
        except Gone as gone:
            raise Gone(where, gone.what) from None
        return kind.workload(item, self.labels)

    async def item(self, key: ObjectKey, *, attempts: int = 1) -> Mapping[str, Any]:
        """Read one object whole: the one that was asked for, and no other. Raises a ``Problem``."""
        resource = self.kind_of(key).resource
        return await one_object(self.api, resource, key.namespace, key.name, attempts=attempts)

    async def many(self, keys: Iterable[ObjectKey]) -> Found:
        """Read many, in lists where there are many of a namespace; one failing place does not spoil the others."""
        found: dict[ObjectKey, Workload | Problem] = {}
        gate = asyncio.Semaphore(_PARALLEL)
        groups: defaultdict[tuple[str, str], list[ObjectKey]] = defaultdict(list)
        for key in keys:
            groups[key.namespace, key.kind].append(key)
        async with asyncio.TaskGroup() as tasks:
            for (namespace, kind), wanted in self._merged(groups).items():
                name = f"read {kind}s of {namespace}"
                tasks.create_task(self._group(namespace, kind, wanted, found, gate), name=name)
        return found

    def _merged(self, groups: Mapping[tuple[str, str], list[ObjectKey]]) -> Mapping[tuple[str, str], list[ObjectKey]]:
        """Very many namespaces are read as one (the empty name)."""
        merged: defaultdict[tuple[str, str], list[ObjectKey]] = defaultdict(list)
        many = len(groups) > _PARALLEL and not self.settings.namespaces
        for (namespace, kind), keys in groups.items():
            merged["" if many else namespace, kind] += keys
        return merged

    async def _group(
        self,
        namespace: str,
        kind: str,
        wanted: list[ObjectKey],
        found: dict[ObjectKey, Workload | Problem],
        gate: asyncio.Semaphore,
    ) -> None:
        if len(wanted) > _HANDFUL and kind in self.kinds:
            try:
                async with gate:
                    found |= await self._listed(self.kinds[kind], namespace, set(wanted))
            except (Refused, Unreadable):
                pass  # no right to list everywhere, or one that cannot be read: read one by one, and said of each
            except Problem as problem:
                found |= dict.fromkeys(wanted, problem)
        async with asyncio.TaskGroup() as tasks:
            for key in wanted:
                if key not in found:  # few, declared without the label, or gone
                    tasks.create_task(self._single(key, found, gate), name=f"read {key}")

    async def _listed(self, kind: Kind, namespace: str, wanted: set[ObjectKey]) -> dict[ObjectKey, Workload]:
        query = Query(namespace or None, self._selector(wanted))
        listed = [
            kind.workload(item, self.labels) for item in await everything(self.api, kind.resource, query, attempts=3)
        ]
        return {workload.key: workload for workload in listed if workload.key in wanted}

    def _selector(self, wanted: set[ObjectKey]) -> str:
        """The agents by name if they are few enough for one request, else all agents."""
        everything = self.settings.selector or self.labels.agent
        if len(wanted) > MOST_VALUES:
            return everything
        names = {found.agent if (found := self.known(key)) else "" for key in wanted}
        return everything if "" in names else f"{self.labels.agent} in ({','.join(sorted(names))})"

    async def _single(
        self, key: ObjectKey, found: dict[ObjectKey, Workload | Problem], gate: asyncio.Semaphore
    ) -> None:
        try:
            async with gate:
                found[key] = await self.one(key, attempts=3)
        except Problem as problem:
            found[key] = problem
