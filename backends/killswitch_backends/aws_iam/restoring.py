"""Taking the deny off one identity: exactly what the halt put there, only while it is still what the halt put there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from killswitch_backends.aws_common.budget import Urgency
from killswitch_backends.aws_common.tags import another_halts, mark_in, ours, stamp
from killswitch_backends.aws_iam.api import IamApi
from killswitch_backends.aws_iam.denial import POLICY_NAME, deny_all_arn, sid_in, sid_of
from killswitch_backends.aws_iam.entities import Entity, Ref, ref_of
from killswitch_backends.aws_iam.prior import INLINE, Prior
from killswitch_backends.problems import Conflict, Unreachable
from killswitch_backends.protocol import Evidence, FieldChange, Grade, Json, Order, Restored, Watch
from killswitch_inventory.sightings import HaltMark

READ_BACKS, READ_BACK_PAUSE = 8, 0.5
"""IAM's reads may show the time before a change for a few seconds."""


@dataclass(slots=True)
class Restoring:
    """One role being restored."""

    api: IamApi
    watch: Watch
    order: Order
    now: Callable[[], datetime]
    prior: Prior = field(init=False)
    ref: Ref = field(init=False)

    def __post_init__(self) -> None:
        self.prior, self.ref = Prior.parse(self.watch.captured.prior), ref_of(self.watch.target)

    @property
    def _sid(self) -> str:
        return str(self.watch.accepted.halted.get("sid", sid_of(self.order.halt_id)))

    @property
    def _attached_by_halt(self) -> str | None:
        """The managed deny, if the halt attached it, or may have (its answer was lost), and it was not there before."""
        arn = deny_all_arn(self.prior.arn)
        inline = self.watch.accepted.halted.get("by") == INLINE
        return None if inline or arn in self.prior.attached else arn

    async def run(self) -> Restored:
        """Restore, or change nothing.

        Raises:
            Conflict: the deny, or the mark, is another's by now.
            Problem: repeat it.
        """
        entity = await self.api.entity(self.ref, self.now(), Urgency.HALT)
        if changes := list(self._changes(entity)):
            raise Conflict(str(self.watch.target), changes)
        await self._take_off(entity)
        return await self._read_back()

    async def compare(self) -> list[FieldChange]:
        """For which fields ``run`` would raise ``Conflict``; changes nothing. Raises a ``Problem``."""
        return list(self._changes(await self.api.entity(self.ref, self.now(), Urgency.HALT)))

    async def left(self) -> tuple[HaltMark | None, list[FieldChange]]:
        """The mark that it carries, and what of the halt is still on it; changes nothing."""
        entity = await self.api.entity(self.ref, self.now(), Urgency.HALT)
        left = [FieldChange(what, None, "there") for what in self._left_over(entity) if not what.startswith("tags ")]
        return mark_in(entity.tags), left

    def _changes(self, entity: Entity) -> Iterator[FieldChange]:
        if not self._deny_is_ours(entity) and not _same(entity.deny, self.prior.deny):
            found = sid_in(entity.deny) or ("absent" if entity.deny is None else "another policy")
            yield FieldChange(f"inline policy {POLICY_NAME}", self._sid, found)
        if other := another_halts(entity.tags, self.order.halt_id, self.watch.captured.marked_by):
            yield FieldChange("halt mark", self.order.halt_id, other)

    def _deny_is_ours(self, entity: Entity) -> bool:
        return sid_in(entity.deny) == self._sid

    async def _take_off(self, entity: Entity) -> None:
        """The deny, then the mark. What is gone already (a restore cut short, a person) is left at that."""
        if self._deny_is_ours(entity):
            if self.prior.deny is None:
                await self.api.delete_deny(self.ref)
            else:
                await self.api.put_deny(self.ref, json.dumps(self.prior.deny))
        if (arn := self._attached_by_halt) and arn in entity.attached:
            await self.api.detach(self.ref, arn)
        if keys := list(ours(entity.tags)):
            await self.api.untag(self.ref, keys, Urgency.HALT)

    async def _read_back(self) -> Restored:
        unequal: list[str] = []
        for attempt in range(READ_BACKS):
            if attempt:
                await asyncio.sleep(READ_BACK_PAUSE)
            entity = await self.api.entity(self.ref, self.now(), Urgency.HALT)
            unequal = list(self._left_over(entity))
            if not unequal:
                return self._restored(entity)
        raise Unreachable(str(self.watch.target), f"restored, but still there when read back: {', '.join(unequal)}")

    def _left_over(self, entity: Entity) -> Iterator[str]:
        """Of what the halt added or replaced, what is not yet as before."""
        if not _same(entity.deny, self.prior.deny):
            yield f"inline policy {POLICY_NAME}"
        if (arn := self._attached_by_halt) and arn in entity.attached:
            yield f"managed policy {arn}"
        if left := sorted(ours(entity.tags)):
            yield f"tags {left}"

    def _restored(self, entity: Entity) -> Restored:
        others = [
            words
            for words, same in (
                ("inline policies", entity.inline == self.prior.inline),
                ("attached policies", entity.attached == self.prior.attached),
                ("tags", dict(entity.tags) == dict(self.prior.tags)),
            )
            if not same
        ]
        detail = f"read back at {stamp(entity.read_at)}: no deny-all, no halt mark"
        detail += f"; changed by others meanwhile: {', '.join(others)}" if others else "; everything as before"
        return Restored(self.watch.target, entity.read_at, Evidence(Grade.OBSERVED, detail, entity.read_at))


def _same(one: Mapping[str, Json] | None, other: Mapping[str, Json] | None) -> bool:
    return one == other if one is None or other is None else dict(one) == dict(other)
