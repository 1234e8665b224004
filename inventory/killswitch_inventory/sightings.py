"""What a backend reports of the world: the only way facts enter the fleet.

A backend yields these from its ``sight`` stream; the fleet folds them in any order the platforms produce.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from killswitch_inventory.agents import Health, How, Instance
from killswitch_inventory.targets import BackendRef, Layer, TargetId

_NO_FACTS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Claim:
    """A target's own statement of whom it belongs to, read from its labels or tags.

    All of ``agent`` set with class and tenant unknown means "every agent of that name" on credential and capability
    targets; ``agent`` unset with ``agent_class`` set means the whole class (a flag tagged ``agent-class:refund``).
    """

    how: How
    agent: str | None = None
    agent_class: str | None = None
    tenant: str | None = None


@dataclass(frozen=True, slots=True)
class RunsAs:
    """An identity that a process target uses, such as a function's execution role (an ARN), and how that is known."""

    identity: str
    how: How
    certain: bool = True
    """False: it may be nobody's identity (a service account without any role), which then is no gap."""


@dataclass(frozen=True, slots=True)
class HaltMark:
    """The mark a halt left on its target, so that any bastion can see it (design.md safety rule 1)."""

    halt_id: str
    invoker: str
    at: str
    restorer: str = ""
    """Who ordered the halt's restore, once that was announced on the target; empty before."""
    restore_at: str = ""
    """When, as the announcement says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetSighting:
    """One target as just seen, whole: it replaces what was known of that target before."""

    target: TargetId
    layer: Layer
    kind: str
    """The platform's word for what it is: ``Deployment``, ``function``, ``role``, ``flag``."""
    seen_at: datetime
    claims: tuple[Claim, ...] = ()
    identity: str | None = None
    """The identity this target *is* (a role's ARN), so that what runs as it can be bound to it."""
    aliases: tuple[str, ...] = ()
    """Other names by which what runs as it may know it: the service accounts associated with a role."""
    runs_as: tuple[RunsAs, ...] = ()
    needs: tuple[TargetId, ...] = ()
    """Targets that must be on for this one to serve: a flag's prerequisites. Halting one of them hits this one too."""
    instances: tuple[Instance, ...] = ()
    concurrency: int = 0
    health: Health = Health.UNKNOWN
    mark: HaltMark | None = None
    stops_all: bool = False
    """Whether halting it stops every agent there is: it is nobody's binding, and only a global halt takes it."""
    off: bool = False
    """Whether it is at zero, denied or off right now, whoever did it."""
    canary: bool = False
    """Whether its own labels or tags say that it exists to be halted in drills; nothing it inherits says so."""
    facts: Mapping[str, str] = field(default_factory=lambda: _NO_FACTS)
    """A few platform facts worth showing with the target, already short (``replicas``: ``3``)."""


@dataclass(frozen=True, slots=True)
class TargetGone:
    """A target that no longer exists on its platform."""

    target: TargetId
    at: datetime


@dataclass(frozen=True, slots=True)
class ListingStarted:
    """A backend begins a whole listing: what it does not sight before ``ListingComplete`` is gone."""

    backend: BackendRef
    at: datetime


@dataclass(frozen=True, slots=True)
class ListingComplete:
    """A backend has now reported all it can see; from here on it reports changes."""

    backend: BackendRef
    at: datetime


@dataclass(frozen=True, slots=True)
class SightingFailed:
    """A backend cannot see (any more). Facts already known stay, and age."""

    backend: BackendRef
    at: datetime
    problem: str
    """One line for a person: what failed and where."""


Sighting = TargetSighting | TargetGone | ListingStarted | ListingComplete | SightingFailed
