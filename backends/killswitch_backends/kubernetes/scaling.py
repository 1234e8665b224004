"""Halting by ``/scale`` alone, where rights allow no more: no mark can be left then, so only the ledger knows of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from killswitch_backends.kubernetes.api import Api
from killswitch_backends.kubernetes.failures import Forbidden
from killswitch_backends.kubernetes.reading import Reader
from killswitch_backends.kubernetes.records import Workload
from killswitch_backends.kubernetes.resources import ObjectKey
from killswitch_backends.problems import Changed, Conflict
from killswitch_backends.protocol import Accepted, Captured, FieldChange, Watch

_NOTE = "by /scale only: no right to mark it, so another bastion cannot see or undo this halt"
_REPLICAS = "/spec/replicas"


@dataclass(frozen=True, slots=True)
class Scale:
    """Changes a workload's replicas through its scale subresource."""

    api: Api
    reader: Reader
    now: Callable[[], datetime]

    async def halt(self, captured: Captured, forbidden: Forbidden) -> Accepted:
        """Scale to zero what was captured. Raises ``Changed``, or the refusal when ``/scale`` is refused too."""
        key, prior = ObjectKey.of(captured.target), captured.prior
        guard = {"op": "test", "path": "/metadata/uid", "value": prior["uid"]}
        if prior["replicas"]:
            operations = [guard, {"op": "test", "path": _REPLICAS, "value": prior["replicas"]}]
            try:
                await self._patch(key, [*operations, {"op": "replace", "path": _REPLICAS, "value": 0}])
            except Forbidden:
                raise forbidden from None
            except Changed:
                if (await self.reader.one(key)).switch["replicas"] != 0:  # else an earlier request got through
                    raise
        workload = await self.reader.one(key, attempts=3)
        halted = {"replicas": 0, "unmarked": True, "generation": workload.generation}
        return Accepted(captured.target, self.now(), detail=_NOTE, halted=halted)

    async def restore(self, watch: Watch) -> tuple[Workload, str]:
        """Give it its replicas back; how it is now. Raises ``Conflict`` when it is not at zero any more."""
        key, wanted = ObjectKey.of(watch.target), watch.captured.prior["replicas"]
        before = await self.reader.one(key, attempts=3)
        if before.switch["replicas"] == wanted:
            return before, "it already was"
        if before.switch["replicas"] != 0:
            raise Conflict(str(watch.target), [FieldChange("replicas", 0, before.switch["replicas"])])
        guard = {"op": "test", "path": "/metadata/resourceVersion", "value": before.version}
        await self._patch(key, [guard, {"op": "add", "path": _REPLICAS, "value": wanted}])
        return await self.reader.one(key, attempts=3), "read back, by /scale"

    async def _patch(self, key: ObjectKey, operations: list[object]) -> None:
        path = self.reader.kind_of(key).resource.path(key.namespace, key.name)
        await self.api.patch(f"{path}/scale", operations, where=f"{self.api.where}/{key}")  # type: ignore[arg-type]
