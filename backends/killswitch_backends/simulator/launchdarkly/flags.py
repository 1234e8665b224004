"""Flags as the simulated LaunchDarkly keeps them. Plain state: no wire format, no HTTP, no time of its own."""

from __future__ import annotations

import copy
import random
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from killswitch_backends.simulator.seams import FLAG_ENVIRONMENT, AgentSpec

Json = Any
"""A value as the API shows it."""

FILTER_TAG = "agent"
"""The tag of every flag that gates an agent."""

NOBODYS = ("checkout-redesign", "beta-banner", "dark-mode", "search-v2", "maintenance-page")
"""Flags that gate no agent and must never be touched."""


@dataclass(slots=True)
class Targeting:
    """One flag in one environment."""

    on: bool
    salt: str
    last_modified: int
    """Unix milliseconds."""
    off_variation: int | None = 1
    fallthrough: dict[str, Json] = field(default_factory=lambda: {"variation": 0})
    rules: list[dict[str, Json]] = field(default_factory=list)
    targets: list[dict[str, Json]] = field(default_factory=list)
    context_targets: list[dict[str, Json]] = field(default_factory=list)
    prerequisites: list[dict[str, Json]] = field(default_factory=list)
    track_events: bool = False
    track_events_fallthrough: bool = False
    version: int = 1


@dataclass(slots=True)
class Flag:
    """One flag: what all environments share, and its targeting in each."""

    key: str
    variations: list[dict[str, Json]]
    created: int
    """Unix milliseconds."""
    environments: dict[str, Targeting]
    name: str = ""
    description: str = ""
    tags: list[str] = field(default_factory=list)
    custom_properties: dict[str, dict[str, Json]] = field(default_factory=dict)
    archived: bool = False
    deprecated: bool = False
    temporary: bool = False
    version: int = 1

    def variation_index(self, variation_id: object) -> int:
        """Which variation an ``_id`` means.

        Raises:
            KeyError: for an id that none of them has.
        """
        for index, variation in enumerate(self.variations):
            if variation["_id"] == variation_id:
                return index
        raise KeyError(variation_id)


class Flags:
    """All flags of the one project, oldest first, and the environments they all have."""

    def __init__(self, environments: tuple[str, ...] = (FLAG_ENVIRONMENT,)) -> None:
        self.environments = environments
        self._flags: dict[str, Flag] = {}

    def __iter__(self) -> Iterator[Flag]:
        return iter(self._flags.values())

    def get(self, key: str) -> Flag | None:
        return self._flags.get(key)

    def put(self, flag: Flag) -> None:
        """Add a flag, or replace the one of its key in its place; it gets the environments that it lacks."""
        for environment in self.environments:
            if environment not in flag.environments:
                flag.environments[environment] = copy.deepcopy(flag.environments[FLAG_ENVIRONMENT])
        self._flags[flag.key] = flag

    def remove(self, key: str) -> None:
        del self._flags[key]

    def dependants(self, key: str, environment: str) -> list[Flag]:
        """The live flags that have this one as a prerequisite there."""
        return [
            flag
            for flag in self
            if not flag.archived and any(p["key"] == key for p in flag.environments[environment].prerequisites)
        ]


def draft(flag: Flag) -> Flag:
    """A copy to try a patch on: nothing of it is shared with the original."""
    return copy.deepcopy(flag)


def boolean_flag(key: str, *, rng: random.Random, now: int, tags: Sequence[str] = (), name: str = "") -> Flag:
    """A flag as LaunchDarkly makes one: true and false, on, off serves false, default rule serves true."""
    variations = [{"_id": identifier(rng), "value": True}, {"_id": identifier(rng), "value": False}]
    targeting = Targeting(on=True, salt=f"{rng.getrandbits(128):032x}", last_modified=now)
    return Flag(key, variations, now, {FLAG_ENVIRONMENT: targeting}, name=name or key, tags=list(tags))


def identifier(rng: random.Random) -> str:
    """A UUID such as variations and rules carry, drawn from the seed."""
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def seeded(agents: Sequence[AgentSpec], *, rng: random.Random, now: int) -> Iterator[Flag]:
    """The flags of some agents, and a few that are nobody's.

    Agents that name the same flag share it: its tags then name each of them.
    """
    tags: dict[str, list[str]] = {}
    for spec in agents:
        if spec.flag is None:
            continue
        own = (
            FILTER_TAG,
            f"agent:{spec.name}",
            f"agent-class:{spec.agent_class}",
            f"agent-tenant:{spec.tenant}",
        )
        known = tags.setdefault(spec.flag, [])
        known.extend(tag for tag in own if tag not in known)
    for key, names in tags.items():
        yield boolean_flag(key, rng=rng, now=now, tags=names)
    for key in NOBODYS:
        if key not in tags:
            yield boolean_flag(key, rng=rng, now=now, tags=("web",))
