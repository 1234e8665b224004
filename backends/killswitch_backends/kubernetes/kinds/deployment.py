"""Deployments: halted by ``spec.replicas`` 0, proven by the pods of their ReplicaSets."""

from __future__ import annotations

from dataclasses import dataclass

from killswitch_backends.kubernetes.kinds.kind import Field, Kind
from killswitch_backends.kubernetes.kinds.templated import REPLICAS, Templated
from killswitch_backends.kubernetes.records import Owner
from killswitch_backends.kubernetes.resources import Resource

_DEPLOYMENTS = Resource("/apis/apps/v1", "deployments")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment(Templated):
    """``apps/v1`` Deployment."""

    name: str = "Deployment"
    resource: Resource = _DEPLOYMENTS
    switch: tuple[Field, ...] = (REPLICAS,)
    scalable: bool = True

    def owns(self, owner: Owner) -> str | None:
        """A ReplicaSet of a Deployment is called ``DEPLOYMENT-HASH``, and its pods carry the hash as a label."""
        ending = f"-{owner.template_hash}"
        if owner.kind != "ReplicaSet" or not owner.template_hash or not owner.name.endswith(ending):
            return None
        return owner.name.removesuffix(ending)


KINDS: tuple[Kind, ...] = (Deployment(),)
