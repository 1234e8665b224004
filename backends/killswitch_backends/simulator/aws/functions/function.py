"""A Lambda function with everything that hangs on it: versions, aliases, concurrency, asynchronous settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from killswitch_backends.simulator.aws.functions.execution import Execution
from killswitch_backends.simulator.aws.functions.metering import Meter

LATEST = "$LATEST"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a version freezes when it is published."""

    role: str
    timeout: int = 3
    memory: int = 128
    runtime: str = "python3.13"
    handler: str = "agent.handler"
    description: str = ""
    dead_letter: str = ""
    """ARN of the queue or topic for asynchronous events that could not be processed."""
    environment: Mapping[str, str] | None = None
    further: Mapping[str, Any] = field(default_factory=dict)
    """Members that are kept and shown as they were given (``VpcConfig``, ``CapacityProviderConfig``, ...)."""

    @property
    def durable(self) -> bool:
        """Whether its asynchronous invocations are durable executions."""
        return "DurableConfig" in self.further

    @property
    def on_managed_instances(self) -> bool:
        """Whether it runs on instances of a capacity provider, where reserved concurrency does not exist."""
        return "CapacityProviderConfig" in self.further


@dataclass(frozen=True, slots=True)
class Provisioned:
    """Provisioned concurrency of one alias or version."""

    requested: int
    ready_at: float
    """By the simulator's monotonic clock."""
    modified: str


Pair = tuple[int | None, int | None]
"""Least and most execution environments; None: as AWS chooses."""


@dataclass(frozen=True, slots=True)
class Scaled:
    """The scaling of one version on Managed Instances."""

    requested: Pair = (None, None)
    before: Pair = (None, None)
    settled_at: float = 0.0
    """When the request takes effect, by the simulator's monotonic clock."""

    def applied_at(self, now: float) -> Pair:
        return self.requested if now >= self.settled_at else self.before


@dataclass(slots=True, eq=False)
class Function:
    """One function. ``reserved`` None means no reservation, which is not the same as any number."""

    name: str
    arn: str
    settings: Settings
    modified: str
    revision: str
    agent: str | None = None
    """The simulated agent that runs in it."""
    tags: dict[str, str] = field(default_factory=dict)
    ever_tagged: bool = False
    """The tagging API shows what has or had a tag."""
    versions: dict[str, Settings] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    """Alias -> version."""
    reserved: int | None = None
    provisioned: dict[str, Provisioned] = field(default_factory=dict)
    """By alias or version."""
    asynchronous: dict[str, dict[str, Any]] = field(default_factory=dict)
    """EventInvokeConfig by qualifier."""
    scaling: dict[str, Scaled] = field(default_factory=dict)
    """On Managed Instances, by published version."""
    executions: dict[str, Execution] = field(default_factory=dict)
    """Durable executions by ARN."""
    updating_until: float = 0.0
    running: int = 0
    deleted: bool = False
    meter: Meter = field(default_factory=Meter)

    def tag(self, tags: Mapping[str, str]) -> None:
        self.tags.update(tags)
        self.ever_tagged = self.ever_tagged or bool(tags)

    def knows(self, qualifier: str) -> bool:
        return qualifier == LATEST or qualifier in self.versions or qualifier in self.aliases

    def at(self, qualifier: str) -> tuple[str, Settings]:
        """The version number and settings behind a qualifier it knows."""
        version = self.aliases.get(qualifier, qualifier)
        return version, self.settings if version == LATEST else self.versions[version]

    def scaled(self, version: str) -> Scaled:
        return self.scaling.get(version, Scaled())

    def version_state(self, version: str, now: float) -> str:
        """The State of a version: on Managed Instances it is deactivated once it may have no environments."""
        if version == LATEST or not self.settings.on_managed_instances:
            return "Active"
        known = self.scaled(version)
        if known.requested[1] != 0:
            return "Active"
        return "Deactivated" if known.applied_at(now)[1] == 0 and not self.running else "Deactivating"

    @property
    def scaled_down(self) -> bool:
        """Whether no version of a function on Managed Instances may have environments."""
        return all(self.scaled(version).requested[1] == 0 for version in self.versions)

    @property
    def provisioned_total(self) -> int:
        return sum(config.requested for config in self.provisioned.values())
