"""Autoscalers: the HorizontalPodAutoscaler, and KEDA above it.

An HPA rests while its workload is at zero, unless it may scale from zero itself (``minReplicas: 0``, on by default
since Kubernetes 1.37): then ``behavior.scaleUp.selectPolicy: Disabled`` keeps it from adding any pod. KEDA's
``paused-replicas: "0"`` keeps its workload at zero and deletes the HPA; ``paused`` alone freezes the count.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from killswitch_backends.kubernetes.companions.companion import Companion, companion_of
from killswitch_backends.kubernetes.records import mapping, number, text
from killswitch_backends.kubernetes.resources import AUTOSCALERS, ObjectKey, Resource

KEDA = "keda.sh"
_SCALED_OBJECT = "scaledobject.keda.sh/name"
_PAUSED_REPLICAS = "/metadata/annotations/autoscaling.keda.sh~1paused-replicas"
_NO_SCALE_UP = ("/spec/behavior/scaleUp/selectPolicy", "Disabled")

Finding = tuple[ObjectKey, Companion | None, str]
"""The workload concerned, what to hold (if anything), and what it may do, in words."""


def pins(companion: Companion) -> bool:
    """Whether who owns a held companion does not merely rest, but sets the workload to zero at each look."""
    return any(change.pointer == _PAUSED_REPLICAS for change in companion.changes)


def of_autoscaler(item: Mapping[str, Any]) -> Finding:
    """What one HPA may do to its workload at zero: nothing, unless it scales from zero itself."""
    meta, spec = mapping(item.get("metadata")), mapping(item.get("spec"))
    name = text(meta.get("name"))
    key = _scaled(item)
    if keda := text(mapping(meta.get("labels")).get(_SCALED_OBJECT)):
        return key, None, f"KEDA ScaledObject {keda} scales it from zero when its trigger is active"
    if number(spec.get("minReplicas")) == 0:
        held = companion_of("HorizontalPodAutoscaler", AUTOSCALERS, item, [_NO_SCALE_UP])
        return key, held, f"HorizontalPodAutoscaler {name} may scale it from zero (minReplicas 0)"
    return key, None, f"HorizontalPodAutoscaler {name} scales it; it rests while replicas are 0"


def of_scaled_object(resource: Resource, item: Mapping[str, Any]) -> Finding:
    """What one KEDA ScaledObject may do."""
    name = text(mapping(item.get("metadata")).get("name"))
    held = companion_of("ScaledObject", resource, item, [(_PAUSED_REPLICAS, "0")])
    return _scaled(item), held, f"KEDA ScaledObject {name} scales it from zero when its trigger is active"


def _scaled(item: Mapping[str, Any]) -> ObjectKey:
    reference = mapping(mapping(item.get("spec")).get("scaleTargetRef"))
    kind = text(reference.get("kind")) or "Deployment"  # KEDA's default
    return ObjectKey(text(mapping(item.get("metadata")).get("namespace")), kind, text(reference.get("name")))
