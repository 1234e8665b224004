"""Agents as people name them, their running instances, and the bindings that tie them to targets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from killswitch_inventory.targets import Layer, TargetId

UNCLASSIFIED = "unclassified"
"""The class of an agent whose targets name none."""

UNASSIGNED = "unassigned"
"""The tenant of an agent whose targets name none."""


class Health(StrEnum):
    """How an instance, a target or an agent is doing, worst last."""

    OK = "ok"
    IDLE = "idle"
    UNKNOWN = "unknown"
    DEGRADED = "degraded"
    FAILING = "failing"


_BADNESS = {health: rank for rank, health in enumerate(Health)}


def worst(healths: list[Health]) -> Health:
    """The worst of some healths; ``unknown`` when there are none.

    ``idle`` beside ``ok`` counts as ``ok``: an agent with one busy and one idle target is busy.
    """
    if not healths:
        return Health.UNKNOWN
    if set(healths) == {Health.OK, Health.IDLE}:
        return Health.OK
    return max(healths, key=_BADNESS.__getitem__)


@dataclass(frozen=True, slots=True, order=True)
class AgentKey:
    """What makes an agent one agent: class, tenant and name together.

    The same name in another class or tenant is another agent; the same key on two platforms is one agent with two
    targets.
    """

    agent_class: str
    tenant: str
    name: str

    def __str__(self) -> str:
        return f"{self.agent_class}/{self.tenant}/{self.name}"


@dataclass(frozen=True, slots=True)
class Instance:
    """One running copy of an agent, such as a pod."""

    name: str
    health: Health
    terminating: bool = False
    where: str = ""
    """The node or availability zone it runs on, where the platform tells."""
    target: TargetId | None = None
    """What to halt to end this one instance and no other; None where its platform cannot."""


class How(StrEnum):
    """How a binding is known."""

    DECLARED = "declared"
    LABEL = "label"
    TAG = "tag"
    EXECUTION_ROLE = "execution role"
    IRSA = "IRSA annotation"
    POD_IDENTITY = "Pod Identity association"


@dataclass(frozen=True, slots=True, order=True)
class Binding:
    """An agent's tie to one target, and how it is known."""

    target: TargetId
    layer: Layer
    how: How


@dataclass(frozen=True, slots=True)
class Agent:
    """A frozen view of one agent as the fleet knows it now."""

    key: AgentKey
    health: Health
    concurrency: int
    """Executions running now over all process targets: pods, or in-flight function runs where the platform tells."""
    instances: tuple[Instance, ...]
    bindings: tuple[Binding, ...]
    halted: bool
    """Whether every process target (every target, if it has no process layer) carries a halt's mark."""
    oldest_fact: datetime
    """When the least recently confirmed of its targets was last seen (UTC)."""

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers at which this agent can be stopped, in the design's order."""
        present = {binding.layer for binding in self.bindings}
        return tuple(layer for layer in Layer if layer in present)

    @property
    def uncovered(self) -> tuple[Layer, ...]:
        """The layers a sound halt needs and this agent lacks; empty means covered (design.md section 1)."""
        return tuple(layer for layer in (Layer.PROCESS, Layer.CREDENTIAL) if layer not in self.layers)
