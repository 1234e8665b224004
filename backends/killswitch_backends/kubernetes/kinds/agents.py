"""Kinds made for agents: Agent Sandbox, suspended by its own field, and kagent, whose newest form has no switch.

A Sandbox of v1beta1 has ``operatingMode`` and no scale subresource; one of v1alpha1 has ``replicas`` 0 or 1. kagent
v1alpha2 runs an Agent as a Deployment, which is the target (companions/operators.py keeps its operator still).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from killswitch_backends.kubernetes.kinds.kind import Field, Kind
from killswitch_backends.kubernetes.kinds.templated import REPLICAS, Templated, labels_selector
from killswitch_backends.kubernetes.records import Selector, has_condition, mapping
from killswitch_backends.kubernetes.resources import Resource
from killswitch_backends.protocol import Json

SANDBOX, KAGENT = "agents.x-k8s.io", "kagent.dev"
_MODE = Field("operatingMode", "/spec/operatingMode", off="Suspended", default="Running")
_NO_KAGENT = (
    "kagent v1alpha3 runs agents as actors without replicas or a suspend field "
    "(halt its worker pool, or the agent's credentials)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox(Templated):
    """``agents.x-k8s.io`` Sandbox."""

    name: str = "Sandbox"
    template: str = "/spec/podTemplate"

    def counts(self, item: Mapping[str, Any]) -> tuple[int, int]:
        spec = mapping(item.get("spec"))
        off = spec.get("operatingMode") == "Suspended" or spec.get("replicas") == 0
        return int(not off), int(not off and has_condition(item, "Ready"))

    def observed(self, item: Mapping[str, Any], generation: int) -> int | None:
        """Its Suspended condition may be stale, so its pod alone tells."""
        _ = item
        return generation

    def selector(self, item: Mapping[str, Any], inner: Mapping[str, Any]) -> Selector:
        _ = item
        return labels_selector(inner)

    def action(self, prior: Mapping[str, Json]) -> str:
        return "suspend (operatingMode)" if "operatingMode" in prior else f"scale {prior.get('replicas')} -> 0"


@dataclass(frozen=True, slots=True, kw_only=True)
class KagentActor(Templated):
    """``kagent.dev/v1alpha3`` Agent: seen, so that it is never taken for halted."""

    name: str = "Agent"
    switch: tuple[Field, ...] = ()
    unsupported: str = _NO_KAGENT

    def action(self, prior: Mapping[str, Json]) -> str:
        _ = prior
        return "nothing"


def agent_kind(group: str, version: str, name: str, resource: Resource) -> Kind | None:
    """The kind that a resource of these groups is, if it runs agents by itself."""
    if (group, name) == (SANDBOX, "Sandbox"):
        return Sandbox(resource=resource, switch=(REPLICAS,) if version == "v1alpha1" else (_MODE,))
    if (group, name) == (KAGENT, "Agent") and version not in ("v1alpha1", "v1alpha2"):
        return KagentActor(resource=resource)
    return None
