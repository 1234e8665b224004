"""The halt and the restore of one workload: one patch each, and what to make of a patch that did not pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from killswitch_backends.kubernetes.api import Api
from killswitch_backends.kubernetes.changes import (
    Operation,
    again_patch,
    halt_patch,
    is_off,
    left_by_halt,
    not_restored,
    undo_patch,
)
from killswitch_backends.kubernetes.forcing import end_pods
from killswitch_backends.kubernetes.kinds.kind import Kind
from killswitch_backends.kubernetes.reading import Reader
from killswitch_backends.kubernetes.records import Workload, mapping, number
from killswitch_backends.kubernetes.resources import ObjectKey
from killswitch_backends.problems import Changed, Conflict
from killswitch_backends.protocol import Accepted, Captured, Evidence, Grade, Order, Profile, Restored, Watch
from killswitch_inventory.targets import TargetId

_TRIES = 3
"""How often a restore compares and patches when the object changes in between in ways that do not concern it."""


@dataclass(frozen=True, slots=True)
class Switch:
    """Turns one workload off, and back."""

    api: Api
    reader: Reader
    now: Callable[[], datetime]

    async def halt(self, captured: Captured, order: Order) -> Accepted:
        """Set it to zero and mark it, in one request unless it is not as captured. Raises a ``Problem``."""
        key = ObjectKey.of(captured.target)
        kind = self.reader.kind_of(key)
        if captured.marked_by is not None:
            accepted = await self._keep_off(captured.target, await self.reader.one(key), order, None)
        else:
            try:
                operations = halt_patch(kind, captured.prior, order)
                accepted = await self._turn_off(captured.target, kind, operations, order, "")
            except Changed as changed:
                accepted = await self._keep_off(captured.target, await self.reader.one(key), order, changed)
        if order.profile is Profile.FORCE:
            detail = await end_pods(self.api, self.reader, key)
            return replace(accepted, detail=detail)
        return accepted

    async def _keep_off(self, target: TargetId, workload: Workload, order: Order, changed: Changed | None) -> Accepted:
        """A halt's mark is there already: its prior state is the true one, so only zero is (re-)asserted.

        Another halt's mark stays; whoever restores last (the engine keeps what an open halt holds) removes it.
        """
        if workload.mark is None:
            raise changed or Changed(str(target), "its halt's mark is gone")
        kind, by = self.reader.kind_of(workload.key), workload.mark.halt_id
        held = "" if by == order.halt_id else f"; held by halt {by}, whose mark stays"
        if is_off(kind, workload.switch):
            halted = halted_fields(kind, order.halt_id, workload.generation)
            return Accepted(target, self.now(), detail=f"was at zero already{held}", halted=halted)
        detail = f"put back to zero after a revival{held}"
        return await self._turn_off(target, kind, again_patch(kind, workload), order, detail)

    async def _turn_off(
        self, target: TargetId, kind: Kind, operations: Sequence[Operation], order: Order, detail: str
    ) -> Accepted:
        item, audit_id = await self._patch(target, operations)
        generation = number(mapping(mapping(item).get("metadata")).get("generation")) or 0
        halted = halted_fields(kind, order.halt_id, generation)
        return Accepted(target, self.now(), request_id=audit_id, detail=detail, halted=halted)

    async def restore(self, watch: Watch, order: Order) -> Restored:
        """Put the prior state back, then read it. Raises ``Conflict`` or another ``Problem``."""
        key, prior = ObjectKey.of(watch.target), watch.captured.prior
        kind = self.reader.kind_of(key)
        changed: Changed | None = None
        for _ in range(_TRIES):
            item = await self.api.get(kind.resource.path(key.namespace, key.name), attempts=3)
            workload = kind.workload(item, self.reader.labels)
            if not not_restored(kind, workload, prior) and workload.mark is None:
                return self._restored(watch.target, workload, "it already was")
            halt_id = _mark_to_expect(workload, watch, order)
            if differences := left_by_halt(kind, workload, halt_id):
                raise Conflict(str(watch.target), differences)
            annotations = mapping(mapping(mapping(item).get("metadata")).get("annotations"))
            try:
                await self._patch(watch.target, undo_patch(kind, prior, halt_id, annotations=annotations))
            except Changed as again:
                changed = again
                continue
            return await self._read_back(watch.target, key, kind, prior)
        raise changed or Changed(str(watch.target), "keeps changing")

    async def _read_back(self, target: TargetId, key: ObjectKey, kind: Kind, prior: Mapping[str, Any]) -> Restored:
        workload = await self.reader.one(key, attempts=3)
        if differences := not_restored(kind, workload, prior):
            raise Conflict(str(target), differences)
        return self._restored(target, workload, "read back")

    def _restored(self, target: TargetId, workload: Workload, how: str) -> Restored:
        values = ", ".join(f"{name} {value}" for name, value in workload.switch.items())
        detail = f"{how}: {values}, no mark, at resourceVersion {workload.version}"
        return Restored(target, self.now(), Evidence(Grade.OBSERVED, detail, self.now()))

    async def _patch(self, target: TargetId, operations: Sequence[Operation]) -> tuple[Any, str | None]:
        key = ObjectKey.of(target)
        path = self.reader.kind_of(key).resource.path(key.namespace, key.name)
        return await self.api.patch(path, operations, where=str(target))


def _mark_to_expect(workload: Workload, watch: Watch, order: Order) -> str:
    """The mark of this halt, or that of the halt that had marked it already when this one captured it."""
    earlier = watch.captured.marked_by
    return earlier if earlier and workload.mark and workload.mark.halt_id == earlier else order.halt_id


def halted_fields(kind: Kind, halt_id: str, generation: int) -> dict[str, Any]:
    """The fields as a halt leaves them, with whose mark they carry and the generation that has them."""
    return {field.name: field.off for field in kind.switch} | {"halt_id": halt_id, "generation": generation}
