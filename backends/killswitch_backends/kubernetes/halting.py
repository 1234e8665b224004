"""Turning workloads off and back: one patch each, and one for each companion that would bring them back.

The target and its companions are patched at once. A companion that cannot be held is told, and does not keep the target
from being halted: what it revives is seen and put down again.
"""

from __future__ import annotations

import asyncio
import contextlib
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
    lift_patch,
    not_restored,
    undo_patch,
)
from killswitch_backends.kubernetes.companions.autoscalers import pins
from killswitch_backends.kubernetes.companions.companion import Companion, listed
from killswitch_backends.kubernetes.companions.finding import Finder
from killswitch_backends.kubernetes.companions.holding import Holder
from killswitch_backends.kubernetes.ending import end_pods
from killswitch_backends.kubernetes.failures import Forbidden
from killswitch_backends.kubernetes.kinds.kind import Kind
from killswitch_backends.kubernetes.proving import Prover
from killswitch_backends.kubernetes.reading import Reader
from killswitch_backends.kubernetes.records import Workload, mapping, number
from killswitch_backends.kubernetes.resources import POD, ObjectKey
from killswitch_backends.kubernetes.scaling import Scale
from killswitch_backends.kubernetes.single import Single
from killswitch_backends.problems import Changed, Conflict, Problem
from killswitch_backends.protocol import (
    Accepted,
    Captured,
    Evidence,
    FieldChange,
    Grade,
    Order,
    Profile,
    Restored,
    Watch,
)
from killswitch_inventory.targets import TargetId

_TRIES = 3
"""How often a restore compares and patches when the object changes in between in ways that do not concern it."""


@dataclass(frozen=True, slots=True)
class Switch:
    """Turns one workload off, and back."""

    api: Api
    reader: Reader
    finder: Finder
    now: Callable[[], datetime]

    @property
    def _single(self) -> Single:
        """Pods have no switch: they are ended one by one."""
        return Single(self.api, self.reader, self.now)

    async def halt(self, captured: Captured, order: Order) -> Accepted:
        """Turn it off, mark it, and hold its companions. Raises a ``Problem``."""
        key = ObjectKey.of(captured.target)
        if key.kind == POD:
            return await self._single.halt(captured, order)
        kind = self.reader.kind_of(key)
        companions = listed(captured.prior)
        if companions:
            accepted, left = await self._off_with(companions, captured, kind, order)
        else:
            accepted, left = await self._off(captured, kind, key, order), []
        if kind.children:
            left += await self._hold_children(key, order)
        if order.profile is Profile.FORCE or kind.in_turn:
            prover = Prover(self.api, self.reader, self.now)
            left.insert(0, await end_pods(self.api, prover, key, at_once=order.profile is Profile.FORCE))
        return replace(accepted, detail="; ".join(filter(None, [accepted.detail, *left])))

    async def _off_with(
        self, companions: Sequence[Companion], captured: Captured, kind: Kind, order: Order
    ) -> tuple[Accepted, list[str]]:
        """Turn it off while its companions are being held; what could not be held, in words."""
        key = ObjectKey.of(captured.target)
        holding = asyncio.create_task(self._hold(key, companions, order), name=f"hold for {key}")
        try:
            accepted = await self._off(captured, kind, key, order)
        except BaseException:
            holding.cancel()
            await asyncio.wait([holding])
            raise
        return accepted, await holding

    async def _off(self, captured: Captured, kind: Kind, key: ObjectKey, order: Order) -> Accepted:
        if captured.marked_by is not None:
            return await self._keep_off(captured.target, await self.reader.one(key), order, None)
        try:
            operations = halt_patch(kind, captured.prior, order, before=captured.before)
            return await self._turn_off(captured.target, kind, operations, order, "")
        except Changed as changed:
            return await self._keep_off(captured.target, await self.reader.one(key), order, changed)
        except Forbidden as forbidden:
            if not kind.scalable:
                raise
            return await Scale(self.api, self.reader, self.now).halt(captured, forbidden)

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

    async def _hold(self, key: ObjectKey, companions: Sequence[Companion], order: Order) -> list[str]:
        """Hold all of them; what could not be held, in words. Raises ``Changed`` when one is not as captured."""
        holder = Holder(self.api, str(key))
        left: list[str] = []
        for companion in companions:
            try:
                await holder.hold(companion, order)
            except Changed:
                raise
            except Problem as problem:
                left.append(f"{companion} is not held and may bring it back: {problem}")
        return left

    async def _hold_children(self, key: ObjectKey, order: Order) -> list[str]:
        """What it started between the capture and the halt; their own marks carry what they were."""
        try:
            around = (await self.finder.around([await self.reader.one(key, attempts=2)]))[key]
            fresh = [one for one in around.companions if one.kind == "Job" and str(key) not in one.holders]
            return await self._hold(key, fresh, order)
        except Problem as problem:
            return [f"what it started last is not known: {problem}"]

    async def compare(self, watch: Watch, order: Order) -> list[FieldChange]:
        """What keeps a restore from putting it back: fields that are not as the halt left them. Changes nothing."""
        key, prior = ObjectKey.of(watch.target), watch.captured.prior
        if key.kind == POD:
            return await self._single.compare(watch)
        kind = self.reader.kind_of(key)
        workload = await self.reader.one(key, attempts=3)
        holder = Holder(self.api, str(key))
        changes = [change for companion in await self._held(key, watch) for change in await holder.check(companion)]
        if not not_restored(kind, workload, prior) and workload.mark is None:
            return changes
        if watch.accepted.halted.get("unmarked"):
            return changes + [c for c in left_by_halt(kind, workload, order.halt_id) if c.field == "replicas"]
        return changes + left_by_halt(kind, workload, _mark_to_expect(workload, watch, order))

    async def restore(self, watch: Watch, order: Order) -> Restored:
        """Put the prior state back, then read it, then let the companions go. Raises ``Conflict`` or a ``Problem``."""
        key = ObjectKey.of(watch.target)
        if key.kind == POD:
            return await self._single.restore(watch)
        held = await self._held(key, watch)
        holder = Holder(self.api, str(key))
        if changes := [change for companion in held for change in await holder.check(companion)]:
            raise Conflict(str(watch.target), changes)
        pinned = any(pins(companion) for companion in held)
        restored = await self._back_on(watch, key, order, pinned=pinned)
        for companion in held:
            await holder.let_go(companion)
        if pinned:
            restored = await self._lifted(watch, key)
        if not held:
            return restored
        detail = f"{restored.evidence.detail}; let go: {', '.join(map(str, held))}"
        return replace(restored, evidence=replace(restored.evidence, detail=detail))

    async def _held(self, key: ObjectKey, watch: Watch) -> list[Companion]:
        """Those that were captured, and those whose own mark says that they are held for it."""
        found = {companion.path: companion for companion in listed(watch.captured.prior)}
        if not (found or self.reader.kind_of(key).children or watch.captured.marked_by):
            return []
        try:
            around = await self.finder.around([await self.reader.one(key, attempts=3)])
        except Problem:  # what was captured is known all the same
            return list(found.values())
        return list(found.values()) + [
            one for one in around[key].companions if one.path not in found and str(key) in one.holders
        ]

    async def _back_on(self, watch: Watch, key: ObjectKey, order: Order, *, pinned: bool) -> Restored:
        prior = watch.captured.prior
        kind = self.reader.kind_of(key)
        if watch.accepted.halted.get("unmarked"):
            return self._restored(watch.target, *await Scale(self.api, self.reader, self.now).restore(watch))
        changed: Changed | None = None
        for _ in range(_TRIES):
            item = await self.reader.item(key, attempts=3)
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
            if pinned:
                return self._restored(watch.target, workload, "put back")  # read once nobody sets it to zero any more
            return await self._read_back(watch.target, key, kind, prior)
        raise changed or Changed(str(watch.target), "keeps changing")

    async def _lifted(self, watch: Watch, key: ObjectKey) -> Restored:
        """Read it now that its autoscaler was let go, and put it back again if that set it to zero in between.

        Raises ``Conflict`` or another ``Problem``. What the autoscaler chose since is its own affair.
        """
        kind, prior = self.reader.kind_of(key), watch.captured.prior
        for _ in range(_TRIES):
            workload = await self.reader.one(key, attempts=3)
            differences = not_restored(kind, workload, prior)
            if not differences:
                return self._restored(watch.target, workload, "read back")
            if workload.mark is not None:
                raise Conflict(str(watch.target), differences)
            if not is_off(kind, workload.switch):
                return self._restored(watch.target, workload, "put back, and scaled by its autoscaler since")
            with contextlib.suppress(Changed):  # looked at again
                await self._patch(watch.target, lift_patch(kind, prior))
        raise Changed(str(watch.target), "is set to zero again and again")

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
