"""KEDA ScaledJobs: halted by ``paused: "true"``, together with the Jobs they started.

A ScaledObject is no workload but an autoscaler of one: see companions/autoscalers.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from killswitch_backends.kubernetes.kinds.batch import StartsJobs
from killswitch_backends.kubernetes.kinds.kind import Field, Kind
from killswitch_backends.kubernetes.resources import Resource
from killswitch_backends.protocol import Json

KEDA = "keda.sh"
_PAUSED = Field("paused", "/metadata/annotations/autoscaling.keda.sh~1paused", off="true", default="false")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaledJob(StartsJobs):
    """``keda.sh`` ScaledJob and the Jobs it started."""

    name: str = "ScaledJob"
    switch: tuple[Field, ...] = (_PAUSED,)
    template: str = "/spec/jobTargetRef/template"

    def counts(self, item: Mapping[str, Any]) -> tuple[int, int]:
        _ = item
        return 0, 0

    def action(self, prior: Mapping[str, Json]) -> str:
        _ = prior
        return "pause it and suspend the Jobs it started"


def keda_kind(group: str, name: str, resource: Resource) -> Kind | None:
    """The kind that a KEDA resource is, if it runs agents by itself."""
    return ScaledJob(resource=resource) if (group, name) == (KEDA, "ScaledJob") else None
