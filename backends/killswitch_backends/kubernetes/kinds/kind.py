"""What the rest of the backend must know of a kind of workload to sight, halt, prove and restore it.

A kind says which fields are its switch and what they are when off; the requests, marks, comparisons and proofs are the
same for all kinds and live elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from killswitch_backends.kubernetes.records import Owner, Workload
from killswitch_backends.kubernetes.resources import Resource
from killswitch_backends.protocol import Json, LabelKeys
from killswitch_inventory.agents import How
from killswitch_inventory.sightings import Claim


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a kind's switch."""

    name: str
    """Its key in a prior state: ``replicas``."""
    pointer: str
    """Where it is, as a JSON pointer (RFC 6901): ``/spec/replicas``."""
    off: Json
    """What a halt sets it to."""
    default: Json
    """What its absence means."""


class Kind(Protocol):
    """One kind of workload."""

    @property
    def name(self) -> str: ...

    @property
    def resource(self) -> Resource: ...

    @property
    def switch(self) -> tuple[Field, ...]: ...

    @property
    def unsupported(self) -> str:
        """Why it cannot be halted soundly, and what to do instead; empty: it can be."""
        ...

    @property
    def children(self) -> tuple[str, ...]:
        """Kinds that its objects make and control (a CronJob's Jobs): their pods are its pods."""
        ...

    @property
    def loose(self) -> bool:
        """Whether its pods are told by its selector, whoever controls them."""
        ...

    @property
    def without(self) -> tuple[str, ...]:
        """Labels that tell objects of this kind that a workload of another kind made; they are not listed."""
        ...

    @property
    def scalable(self) -> bool:
        """Whether it has a ``/scale`` subresource for its replicas."""
        ...

    @property
    def in_turn(self) -> bool:
        """Whether its controller ends its pods one after another, each with its whole grace."""
        ...

    def workload(self, item: Mapping[str, Any], labels: LabelKeys) -> Workload:
        """Read one object as listed or watched."""
        ...

    def action(self, prior: Mapping[str, Json]) -> str:
        """What a halt does, in words: ``scale 3 -> 0``."""
        ...

    def owns(self, owner: Owner) -> str | None:
        """The name of the workload of this kind that a pod's controller leads to, if it does."""
        ...


def claim_of(labels: Mapping[str, Any], keys: LabelKeys, inherited: Mapping[str, Any] | None = None) -> Claim | None:
    """Whom labels say an object belongs to, in the convention of ``[labels]``; its own beat ``inherited`` ones."""
    found = [
        value if isinstance(value := labels.get(key), str) and value else (inherited or {}).get(key)
        for key in (keys.agent, keys.agent_class, keys.tenant)
    ]
    agent, agent_class, tenant = (value if isinstance(value, str) and value else None for value in found)
    return Claim(How.LABEL, agent, agent_class, tenant) if agent or agent_class or tenant else None
