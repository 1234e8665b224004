"""Taking hold of companions, and letting go: one patch each, allowed only while nobody changed what it replaces."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from killswitch_backends.kubernetes.api import Api
from killswitch_backends.kubernetes.companions.companion import (
    HOLDERS,
    Change,
    Companion,
    annotations_of,
    holders_of,
)
from killswitch_backends.kubernetes.kinds.reading import pointed
from killswitch_backends.kubernetes.records import AT, HALT_ID, INVOKER, MARK_PREFIX, PRIOR, mapping, text
from killswitch_backends.problems import Changed, Conflict, Gone, Problem
from killswitch_backends.protocol import FieldChange, Json, Order

_TRIES = 4
_ANNOTATIONS = "/metadata/annotations"


@dataclass(frozen=True, slots=True)
class Holder:
    """Holds companions for one target (``payments/Deployment/refund-1``)."""

    api: Api
    target: str

    async def hold(self, companion: Companion, order: Order) -> None:
        """Hold it, or make sure that it is held.

        Raises:
            Changed: it is not as captured: capture again.
            Problem: any other failure.
        """
        for _ in range(_TRIES):
            try:
                item = await self.api.get(companion.path, attempts=2)
            except Gone:
                return
            held = companion.recorded(item)
            if not held and (changed := _not_as_captured(item, companion)):
                raise Changed(self._where(companion), changed)
            patch = self._hold_patch(item, held or companion.changes, order)
            if not patch:
                return
            try:
                await self.api.patch(companion.path, [*_guards(item), *patch], where=self._where(companion))
            except Changed:
                continue  # somebody wrote it in between, perhaps only its status: look again
            return
        raise Changed(self._where(companion), "keeps changing")

    def _hold_patch(self, item: Mapping[str, Any], changes: tuple[Change, ...], order: Order) -> list[Json]:
        holders = dict(holders_of(item))
        patch = [_set(change.pointer, change.off, item) for change in changes if not change.stands(item)]
        marks: dict[str, str] = {}
        if self.target not in holders:
            marks[HOLDERS] = json.dumps({**holders, self.target: order.halt_id}, sort_keys=True)
        if not holders:
            prior = [[change.pointer, change.prior, change.off] for change in changes]
            marks |= {HALT_ID: order.halt_id, INVOKER: order.invoker, AT: order.at.isoformat()}
            marks[PRIOR] = json.dumps(prior, separators=(",", ":"))
        if (marks or patch) and "annotations" not in mapping(item.get("metadata")):
            patch = [{"op": "add", "path": _ANNOTATIONS, "value": {}}, *patch]
        return [*patch, *({"op": "add", "path": _annotation(k), "value": v} for k, v in marks.items())]

    async def check(self, companion: Companion) -> list[FieldChange]:
        """What of a held companion is not as the halt left it, so that letting go would undo somebody's work."""
        try:
            item = await self.api.get(companion.path, attempts=3)
        except Gone:
            return []
        if set(holders_of(item)) != {self.target}:
            return []  # not held by us, or by others as well: nothing will be put back now
        return [
            FieldChange(f"{companion}{change.pointer}", change.off, pointed(item, change.pointer))
            for change in companion.recorded(item)
            if not change.stands(item)
        ]

    async def let_go(self, companion: Companion) -> None:
        """Let go; the last holder puts it back. Raises ``Conflict`` or another ``Problem``."""
        for _ in range(_TRIES):
            try:
                item = await self.api.get(companion.path, attempts=3)
            except Gone:
                return
            holders = holders_of(item)
            if self.target not in holders:
                return
            left = {key: value for key, value in holders.items() if key != self.target}
            if not left and (changes := await self.check(companion)):
                raise Conflict(self._where(companion), changes)
            if left:
                value = json.dumps(left, sort_keys=True)
                patch: list[Json] = [{"op": "add", "path": _annotation(HOLDERS), "value": value}]
            else:
                patch = _undo_patch(item, companion)
            try:
                await self.api.patch(companion.path, [*_guards(item), *patch], where=self._where(companion))
            except Changed:
                continue
            return
        raise Problem(self._where(companion), "keeps changing, so it is not put back yet")

    def _where(self, companion: Companion) -> str:
        return f"{self.api.where}/{companion.namespace}/{companion.kind}/{companion.name}"


def _not_as_captured(item: Mapping[str, Any], companion: Companion) -> str:
    if text(mapping(item.get("metadata")).get("uid")) != companion.uid:
        return "is another object than the one captured"
    for change in companion.changes:
        if pointed(item, change.pointer) != change.prior:
            return f"{change.pointer} is no longer as captured"
    return ""


def _guards(item: Mapping[str, Any]) -> list[Json]:
    version = mapping(item.get("metadata")).get("resourceVersion")
    return [{"op": "test", "path": "/metadata/resourceVersion", "value": version}]


def _set(pointer: str, value: Json, item: Mapping[str, Any]) -> Json:
    if value is not None:
        return {"op": "add", "path": pointer, "value": value}
    assert pointed(item, pointer) is not None  # noqa: S101 - the caller looked: it does not stand
    return {"op": "remove", "path": pointer}


def _undo_patch(item: Mapping[str, Any], companion: Companion) -> list[Json]:
    """Put back the prior state in its mark, then take the mark away."""
    changed = (change for change in companion.recorded(item) if change.prior != change.off)
    patch = [_set(change.pointer, change.prior, item) for change in changed]
    ours = [key for key in annotations_of(item) if key.startswith(MARK_PREFIX)]
    return [*patch, *({"op": "remove", "path": _annotation(key)} for key in ours)]


def _annotation(key: str) -> str:
    return f"{_ANNOTATIONS}/{key.replace('~', '~0').replace('/', '~1')}"
