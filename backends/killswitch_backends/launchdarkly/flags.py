"""A flag in one environment as the REST API shows it: what is read of it, what is compared, and a halt's mark on it.

The mark is a custom property of the flag, ``killswitch-halt.ENVIRONMENT``: custom properties take free text and belong
to integrations, whereas tags are a namespace people filter and authorise by (and refuse ``:`` in the vendor's own
Terraform provider). Its values, in any order: ``halt:ID``, ``by:INVOKER``, ``at:TIME``, ``was:on|off``, ``version:N``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt

from killswitch_backends.protocol import FieldChange, Json, LabelKeys, Order
from killswitch_inventory.agents import How
from killswitch_inventory.sightings import Claim, HaltMark

TARGETING = ("offVariation", "fallthrough", "rules", "targets", "contextTargets", "prerequisites")
"""The fields of targeting besides ``on`` that a restore must find untouched."""

_SHORT = 100


class _Wire(BaseModel):
    model_config = ConfigDict(extra="ignore")


class _WireVariation(_Wire):
    value: Any = None


class _WireProperty(_Wire):
    value: list[Any] = Field(default_factory=list)


class _WireTargeting(_Wire):
    on: StrictBool
    version: StrictInt
    offVariation: int | None = None  # noqa: N815 - the platform's names
    fallthrough: dict[str, Any] = Field(default_factory=dict)
    rules: list[Any] = Field(default_factory=list)
    targets: list[Any] = Field(default_factory=list)
    contextTargets: list[Any] = Field(default_factory=list)  # noqa: N815
    prerequisites: list[dict[str, Any]] = Field(default_factory=list)


class _WireFlag(_Wire):
    key: str
    archived: bool = False
    tags: list[str] = Field(default_factory=list)
    variations: list[_WireVariation] = Field(default_factory=list)
    customProperties: dict[str, _WireProperty] = Field(default_factory=dict)  # noqa: N815
    environments: dict[str, _WireTargeting] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Mark:
    """A halt's mark, and what it recorded of the flag before."""

    halt: HaltMark
    was_on: bool
    version: int
    values: tuple[str, ...]
    """As they are on the flag, to be removed again."""


@dataclass(frozen=True, slots=True)
class FlagState:
    """One flag in the configured environment, as just read."""

    key: str
    archived: bool
    tags: tuple[str, ...]
    variations: tuple[Json, ...]
    on: bool
    version: int
    """Counts the changes of this flag in this environment."""
    targeting: Mapping[str, Json]
    mark: Mark | None

    @property
    def off_variation(self) -> int | None:
        """The index of what is served when it is off, if that is a variation there is."""
        index = self.targeting["offVariation"]
        return index if isinstance(index, int) and 0 <= index < len(self.variations) else None

    @property
    def off_value(self) -> Json:
        """What is served when it is off; None where nothing is."""
        return None if self.off_variation is None else self.variations[self.off_variation]

    @property
    def prerequisites(self) -> tuple[str, ...]:
        """The flags that must be on, and serve the right variation, for this one to be more than off."""
        needs = self.targeting.get("prerequisites") or ()
        return tuple(dict.fromkeys(str(need["key"]) for need in needs if "key" in need))

    def fields(self) -> dict[str, Json]:
        """All that a field-by-field comparison looks at, JSON-able."""
        return {"on": self.on, "version": self.version, "variations": list(self.variations), **self.targeting}

    def prior(self) -> dict[str, Json]:
        """What it was before a halt: by the mark where there is one, else as it is."""
        if self.mark is None:
            return self.fields()
        return {**self.fields(), "on": self.mark.was_on, "version": self.mark.version}


def read_flag(body: Json, environment: str) -> FlagState:
    """Read a flag of the REST API.

    Raises:
        ValueError: when it is not one, or lacks the environment.
    """
    wire = _WireFlag.model_validate(body)
    targeting = wire.environments.get(environment)
    if targeting is None:
        raise ValueError(f"flag {wire.key!r} has no environment {environment!r}")
    marked = wire.customProperties.get(mark_key(environment))
    return FlagState(
        key=wire.key,
        archived=wire.archived,
        tags=tuple(wire.tags),
        variations=tuple(variation.value for variation in wire.variations),
        on=targeting.on,
        version=targeting.version,
        targeting={name: getattr(targeting, name) for name in TARGETING},
        mark=_read_mark(marked.value) if marked else None,
    )


def mark_key(environment: str) -> str:
    """The key of the custom property that carries a halt's mark."""
    return f"killswitch-halt.{environment}"


def mark_values(order: Order, prior: Mapping[str, Json]) -> list[str]:
    """The values of the custom property for a halt."""
    return [
        f"halt:{order.halt_id}",
        f"by:{order.invoker[:_SHORT]}",
        f"at:{order.at.isoformat()}",
        f"was:{'on' if prior['on'] else 'off'}",
        f"version:{prior['version']}",
    ]


def _read_mark(values: Sequence[Json]) -> Mark | None:
    """A mark, if the values are one: without an id and the state before there is nothing to go by."""
    texts = tuple(value for value in values if isinstance(value, str))
    parts: dict[str, str] = {}
    for text in texts:
        name, _, value = text.partition(":")
        parts.setdefault(name, value)
    if not parts.get("halt") or parts.get("was") not in ("on", "off"):
        return None
    version = parts.get("version", "")
    halt = HaltMark(parts["halt"], parts.get("by", ""), parts.get("at", ""))
    return Mark(halt, parts["was"] == "on", int(version) if re.fullmatch("[0-9]{1,18}", version) else 0, texts)


def claims(tags: Sequence[str], labels: LabelKeys) -> tuple[Claim, ...]:
    """Whom a flag's tags name: ``agent:NAME``, ``agent-class:CLASS``, ``agent-tenant:TENANT`` (or with a dot).

    A single class or tenant beside agents qualifies each of them; a class without an agent claims the whole class. With
    several classes and agents nobody could tell which is whose, so the agents stand unqualified.
    """
    agents, classes, tenants = (_tagged(tags, key) for key in (labels.agent, labels.agent_class, labels.tenant))
    only_class = classes[0] if len(classes) == 1 else None
    only_tenant = tenants[0] if len(tenants) == 1 else None
    if agents:
        return tuple(Claim(How.TAG, agent, only_class, only_tenant) for agent in agents)
    return tuple(Claim(How.TAG, None, agent_class, only_tenant) for agent_class in classes)


def _tagged(tags: Sequence[str], key: str) -> list[str]:
    prefixes = (f"{key}:", f"{key}.")
    return [tag[len(key) + 1 :] for tag in tags if tag.startswith(prefixes) and len(tag) > len(key) + 1]


def changes_since(expected: Mapping[str, Json], found: FlagState) -> list[FieldChange]:
    """The fields of targeting that are not as expected; ``on`` and ``version`` are judged by whoever asks."""
    actual = found.fields()
    return [
        FieldChange(name, expected[name], actual[name])
        for name in (*TARGETING, "variations")
        if name in expected and expected[name] != actual[name]
    ]
