"""Serving systems: KServe, which can be stopped, and Knative, which cannot.

KServe's ``serving.kserve.io/stop: "true"`` (pkg/constants) deletes what an InferenceService runs, ``false`` makes it
anew. Knative has no such word: ``max-scale: "0"`` means unlimited, and its autoscaler undoes any scaling of a Revision.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from killswitch_backends.kubernetes.kinds.kind import Field, Kind
from killswitch_backends.kubernetes.kinds.reading import pointed
from killswitch_backends.kubernetes.kinds.templated import Templated
from killswitch_backends.kubernetes.records import Selector, has_condition, mapping, number, text
from killswitch_backends.kubernetes.resources import Resource
from killswitch_backends.protocol import Json

KSERVE, KNATIVE = "serving.kserve.io", "serving.knative.dev"
_STOP = Field("stop", "/metadata/annotations/serving.kserve.io~1stop", off="true", default="false")
_NO_KNATIVE = (
    "Knative has no stop: its autoscaler undoes a scaling, and max-scale 0 means unlimited "
    "(halt the agent's credentials, or delete the Service with its manifest saved)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class InferenceService(Templated):
    """``serving.kserve.io`` InferenceService."""

    name: str = "InferenceService"
    switch: tuple[Field, ...] = (_STOP,)
    template: str = "/spec/predictor"
    loose: bool = True

    def counts(self, item: Mapping[str, Any]) -> tuple[int, int]:
        if pointed(item, _STOP.pointer) == "true":
            return 0, 0
        least = number(mapping(mapping(item.get("spec")).get("predictor")).get("minReplicas"))
        return (1 if least is None else least), int(has_condition(item, "Ready"))

    def observed(self, item: Mapping[str, Any], generation: int) -> int | None:
        """An annotation is no new generation: only its pods tell."""
        _ = item
        return generation

    def selector(self, item: Mapping[str, Any], inner: Mapping[str, Any]) -> Selector:
        _ = inner
        return Selector(((f"{KSERVE}/inferenceservice", text(mapping(item.get("metadata")).get("name"))),))

    def action(self, prior: Mapping[str, Json]) -> str:
        _ = prior
        return "stop (annotation serving.kserve.io/stop)"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnativeService(Templated):
    """``serving.knative.dev`` Service: seen, so that it is never taken for halted."""

    name: str = "Service"
    switch: tuple[Field, ...] = ()
    unsupported: str = _NO_KNATIVE

    def action(self, prior: Mapping[str, Json]) -> str:
        _ = prior
        return "nothing"


def serving_kind(group: str, name: str, resource: Resource) -> Kind | None:
    """The kind that a resource of these systems is, if it is one that runs agents."""
    if (group, name) == (KSERVE, "InferenceService"):
        return InferenceService(resource=resource)
    if (group, name) == (KNATIVE, "Service"):
        return KnativeService(resource=resource)
    return None
