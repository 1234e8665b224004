"""Telling holds of other bastions of a restore, and being told: two more annotations beside a halt's mark."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from killswitch_backends.kubernetes.api import Api
from killswitch_backends.kubernetes.changes import Operation, announce_patch, not_restored, withdraw_patch
from killswitch_backends.kubernetes.reading import Reader
from killswitch_backends.kubernetes.records import HALT_ID, Workload
from killswitch_backends.kubernetes.resources import POD, ObjectKey
from killswitch_backends.problems import Changed, Unsupported
from killswitch_backends.protocol import Order, Watch
from killswitch_backends.restores import RestoredElsewhere, told_of
from killswitch_inventory.sightings import HaltMark
from killswitch_inventory.targets import TargetId

NOTICE_SECONDS = 2.0
"""A watch pushes the announcement; this is for one that has just been begun anew."""


@dataclass(frozen=True, slots=True)
class Sharing:
    """Announcements on one cluster's workloads."""

    api: Api
    reader: Reader
    now: Callable[[], datetime]

    async def announce(self, watch: Watch, order: Order) -> None:
        """See ``restores.SharesRestores``."""
        workload = await self._marked(watch)
        assert workload.mark is not None  # noqa: S101 - looked for above
        await self._patch(watch.target, announce_patch(order, workload.mark.halt_id))

    async def withdraw(self, watch: Watch, order: Order) -> None:
        """See ``restores.SharesRestores``."""
        workload = await self._marked(watch)
        if workload.mark is not None and workload.mark.restorer == order.invoker:
            await self._patch(watch.target, withdraw_patch(workload, workload.mark.halt_id))

    async def elsewhere(self, watch: Watch, announced: HaltMark | None) -> RestoredElsewhere | None:
        """See ``restores.SharesRestores``; without an announcement nothing is asked."""
        if announced is None:
            return None
        key = ObjectKey.of(watch.target)
        workload = await self.reader.one(key, attempts=2)
        found = workload.mark.told if workload.mark else None
        differences = not_restored(self.reader.kind_of(key), workload, watch.captured.prior)
        return told_of(announced, found, self.now(), [change for change in differences if change.field != HALT_ID])

    async def _marked(self, watch: Watch) -> Workload:
        key = ObjectKey.of(watch.target)
        if key.kind == POD:
            raise Unsupported(str(watch.target), "a pod carries no mark")
        workload = await self.reader.one(key, attempts=3)
        if workload.mark is None:
            raise Changed(str(watch.target), "it carries no mark")
        return workload

    async def _patch(self, target: TargetId, operations: Sequence[Operation]) -> None:
        key = ObjectKey.of(target)
        path = self.reader.kind_of(key).resource.path(key.namespace, key.name)
        await self.api.patch(path, operations, where=str(target))
