"""Pods as targets: bare ones, which nothing makes anew, and one of many (instance scope).

A pod has no switch: it is ended, and its manifest or its controller's replica kept for the restore (single.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from killswitch_backends.kubernetes.kinds.kind import Field, Kind
from killswitch_backends.kubernetes.kinds.templated import Templated, labels_selector
from killswitch_backends.kubernetes.records import Owner, Selector, mapping
from killswitch_backends.kubernetes.resources import PODS, Resource
from killswitch_backends.protocol import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class BarePod(Templated):
    """``v1`` Pod."""

    name: str = "Pod"
    resource: Resource = PODS
    switch: tuple[Field, ...] = ()
    template: str = ""

    def counts(self, item: Mapping[str, Any]) -> tuple[int, int]:
        phase = mapping(item.get("status")).get("phase")
        return int(phase not in ("Succeeded", "Failed")), int(phase == "Running")

    def observed(self, item: Mapping[str, Any], generation: int) -> int | None:
        _ = item
        return generation

    def selector(self, item: Mapping[str, Any], inner: Mapping[str, Any]) -> Selector:
        _ = item
        return labels_selector(inner)

    def action(self, prior: Mapping[str, Json]) -> str:
        _ = prior
        return "delete it, its manifest kept for the restore"

    def owns(self, owner: Owner) -> str | None:
        _ = owner
        return None


KINDS: tuple[Kind, ...] = (BarePod(),)
