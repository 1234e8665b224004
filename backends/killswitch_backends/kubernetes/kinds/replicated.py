"""StatefulSets and ReplicaSets of their own: halted by ``spec.replicas`` 0, as Deployments are.

A StatefulSet ends its pods one after another unless it is told otherwise; ending.py ends them at once, each with its
whole grace. ReplicaSets that a Deployment or a Rollout made are no workloads of their own.
"""

from __future__ import annotations

from dataclasses import dataclass

from killswitch_backends.kubernetes.kinds.kind import Field, Kind
from killswitch_backends.kubernetes.kinds.templated import REPLICAS, Templated
from killswitch_backends.kubernetes.records import Owner
from killswitch_backends.kubernetes.resources import Resource

_STATEFUL_SETS = Resource("/apis/apps/v1", "statefulsets")
_REPLICA_SETS = Resource("/apis/apps/v1", "replicasets")


@dataclass(frozen=True, slots=True, kw_only=True)
class StatefulSet(Templated):
    """``apps/v1`` StatefulSet."""

    name: str = "StatefulSet"
    resource: Resource = _STATEFUL_SETS
    switch: tuple[Field, ...] = (REPLICAS,)
    scalable: bool = True
    in_turn: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaSet(Templated):
    """``apps/v1`` ReplicaSet that nothing else controls."""

    name: str = "ReplicaSet"
    resource: Resource = _REPLICA_SETS
    switch: tuple[Field, ...] = (REPLICAS,)
    scalable: bool = True
    without: tuple[str, ...] = ("pod-template-hash", "rollouts-pod-template-hash")

    def owns(self, owner: Owner) -> str | None:
        made = owner.template_hash or owner.rollout_hash
        return owner.name if owner.kind == self.name and not made else None


KINDS: tuple[Kind, ...] = (StatefulSet(), ReplicaSet())
