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

    def workload(self, item: Mapping[str, Any], labels: LabelKeys) -> Workload:
        """Read one object as listed or watched."""
        ...

    def action(self, prior: Mapping[str, Json]) -> str:
        """What a halt does, in words: ``scale 3 -> 0``."""
        ...

    def owns(self, owner: Owner) -> str | None:
        """The name of the workload of this kind that a pod's controller leads to, if it does."""
        ...


def claim_of(labels: Mapping[str, Any], keys: LabelKeys) -> Claim | None:
    """Whom labels say an object belongs to, in the convention of ``[labels]``."""
    found = {key: value for key, value in labels.items() if isinstance(value, str) and value}
    agent, agent_class, tenant = found.get(keys.agent), found.get(keys.agent_class), found.get(keys.tenant)
    return Claim(How.LABEL, agent, agent_class, tenant) if agent or agent_class or tenant else None
