"""Slim records of what the API server tells: a few hundred bytes where the objects have kilobytes.

Pure: built from JSON as received, which is hostile; whatever has the wrong shape is read as absent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from killswitch_backends.kubernetes.resources import ObjectKey
from killswitch_backends.outside import parsed
from killswitch_backends.protocol import Json
from killswitch_inventory.sightings import Claim, HaltMark

_LONGEST_SELECTOR = 4_000
_PARTS = re.compile(r",(?![^(]*\))")
_EQUAL = re.compile(r"(?P<key>[\w./-]+)\s*(?P<op>==|=|!=)\s*(?P<value>[\w.-]*)")
_AMONG = re.compile(r"(?P<key>[\w./-]+)\s+(?P<op>in|notin)\s*\((?P<values>[^()]*)\)")
_THERE = re.compile(r"(?P<op>!?)(?P<key>[\w./-]+)")

MARK_PREFIX = "killswitch-console/"
HALT_ID, INVOKER, AT, PRIOR = (MARK_PREFIX + word for word in ("halt-id", "invoker", "at", "prior"))
RESTORER, RESTORE_AT = (MARK_PREFIX + word for word in ("restorer", "restore-at"))

DEFAULT_GRACE = 30
"""Seconds: the API server's default for ``terminationGracePeriodSeconds``."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The annotations of a halt as found on an object; ``prior`` is None where it cannot be read."""

    halt_id: str
    invoker: str
    at: str
    prior: Mapping[str, Json] | None
    restorer: str = ""
    """Who announced a restore of that halt here; empty while nobody did."""
    restore_at: str = ""

    @property
    def told(self) -> HaltMark:
        """As the fleet and the engine take it."""
        return HaltMark(self.halt_id, self.invoker, self.at, self.restorer, self.restore_at)


@dataclass(frozen=True, slots=True)
class Selector:
    """A label selector: exact pairs and set expressions ``(key, operator, values)``."""

    labels: tuple[tuple[str, str], ...] = ()
    expressions: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    guessed: bool = False
    """Read off a template, which may be another than the one that some pods were made from."""

    def __bool__(self) -> bool:
        """Whether it selects anything."""
        return bool(self.labels or self.expressions)

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether it selects an object with these labels; an empty selector selects none here."""
        if not self:
            return False
        return all(labels.get(k) == v for k, v in self.labels) and all(_holds(e, labels) for e in self.expressions)

    def __str__(self) -> str:
        """As the API's ``labelSelector`` parameter."""
        parts = [f"{key}={value}" for key, value in self.labels]
        for key, operator, values in self.expressions:
            match operator:
                case "In" | "NotIn":
                    parts.append(f"{key} {operator.lower()} ({','.join(values)})")
                case "Exists":
                    parts.append(key)
                case _:
                    parts.append(f"!{key}")
        return ",".join(parts)


def _holds(expression: tuple[str, str, tuple[str, ...]], labels: Mapping[str, str]) -> bool:
    key, operator, values = expression
    match operator:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case _:
            return False


@dataclass(frozen=True, slots=True)
class Owner:
    """The controller that a pod names as its owner."""

    kind: str
    name: str
    template_hash: str = ""
    """``pod-template-hash``: a Deployment's ReplicaSet is called ``DEPLOYMENT-HASH``."""
    rollout_hash: str = ""
    """``rollouts-pod-template-hash``: the ReplicaSet is an Argo Rollout's."""
    api_version: str = ""
    """Of the owner, where that matters: ``kagent.dev/v1alpha2``."""


_TRACKERS = {
    "Application": "Argo CD tracks it: self-heal may put it back",
    "Kustomization": "Flux (Kustomization) applies it again at each interval",
    "HelmRelease": "Flux (HelmRelease) may correct it as drift",
}


@dataclass(frozen=True, slots=True)
class Tracking:
    """A deployment tool's object that an object says it is kept by."""

    kind: str
    """``Application`` (Argo CD), ``Kustomization`` or ``HelmRelease`` (Flux)."""
    namespace: str
    """Empty: not said."""
    name: str

    @property
    def words(self) -> str:
        """What it may do to a halt."""
        return _TRACKERS[self.kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One halt-able object of any kind."""

    key: ObjectKey
    uid: str
    version: str
    generation: int
    observed: int | None
    """``status.observedGeneration``: the newest generation that its controller has acted on."""
    claim: Claim | None
    agent: str
    """The value of its own agent label; empty where it has none (its template may)."""
    switch: Mapping[str, Json]
    """The fields that a halt changes, as they are; None where absent."""
    annotated: bool
    """Whether it has an annotations map at all."""
    mark: Mark | None
    selector: Selector
    account: str
    """Name of its pods' service account."""
    desired: int
    ready: int
    switched_by: str
    """The field manager that last wrote the switch, if known."""
    deleting: bool
    parent: Owner | None = None
    """The object that controls it, if any."""
    tracking: tuple[Tracking, ...] = ()
    grace: int = DEFAULT_GRACE
    """The seconds that its pods may take to end."""
    canary: bool = False
    """Whether a label of its own says that it exists to be halted in drills."""

    @property
    def revivers(self) -> tuple[str, ...]:
        """What of its own metadata says that somebody else may put it back, in words."""
        owner = (f"{self.parent.kind} {self.parent.name} controls it and may put it back",) if self.parent else ()
        return (*(tracking.words for tracking in self.tracking), *owner)


def mapping(value: Any) -> Mapping[str, Any]:
    """The value if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def items(value: Any) -> list[Mapping[str, Any]]:
    """The JSON objects in the value if it is a list, else none."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def has_condition(item: Mapping[str, Any], *wanted: str) -> bool:
    """Whether any of these conditions of an object's status is true."""
    conditions = items(mapping(item.get("status")).get("conditions"))
    return any(c.get("type") in wanted and c.get("status") == "True" for c in conditions)


def text(value: Any) -> str:
    """The value if it is a string, else an empty one."""
    return value if isinstance(value, str) else ""


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(text(one) for one in value) if isinstance(value, list) else ()


def number(value: Any) -> int | None:
    """The value if it is a whole number (and no bool) of 64 bits, as all of the API's are, else None."""
    return value if type(value) is int and -(2**63) <= value < 2**63 else None


def moment(value: Any) -> datetime | None:
    """An API timestamp; None where it is absent or unreadable."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found if found and found.tzinfo else None


def mark_of(annotations: Mapping[str, Any]) -> Mark | None:
    """Read a halt's mark off annotations."""
    if not (halt_id := text(annotations.get(HALT_ID))):
        return None
    try:
        prior = parsed(text(annotations.get(PRIOR)))
    except ValueError:
        prior = None
    readable = prior if isinstance(prior, dict) else None
    invoker, at, restorer, restore_at = (text(annotations.get(key)) for key in (INVOKER, AT, RESTORER, RESTORE_AT))
    return Mark(halt_id, invoker, at, readable, restorer, restore_at)


def selector_of(value: Any) -> Selector:
    """Read a ``LabelSelector`` object."""
    found = mapping(value)
    labels = tuple((key, text(v)) for key, v in mapping(found.get("matchLabels")).items())
    expressions = tuple(
        (text(e.get("key")), text(e.get("operator")), _texts(e.get("values")))
        for e in items(found.get("matchExpressions"))
    )
    return Selector(labels, expressions)


def written_selector(written: str) -> Selector:
    """A selector as text (``app=a,tier in (b,c),!old``); empty where any part of it cannot be read."""
    if len(written) > _LONGEST_SELECTOR:
        return Selector()
    labels: list[tuple[str, str]] = []
    expressions: list[tuple[str, str, tuple[str, ...]]] = []
    for part in (part.strip() for part in _PARTS.split(written)) if written else ():
        if found := _EQUAL.fullmatch(part):
            if found["op"] == "!=":
                expressions.append((found["key"], "NotIn", (found["value"],)))
            else:
                labels.append((found["key"], found["value"]))
        elif found := _AMONG.fullmatch(part):
            values = tuple(value.strip() for value in found["values"].split(","))
            expressions.append((found["key"], "In" if found["op"] == "in" else "NotIn", values))
        elif found := _THERE.fullmatch(part):
            expressions.append((found["key"], "DoesNotExist" if found["op"] else "Exists", ()))
        else:
            return Selector()
    return Selector(tuple(labels), tuple(expressions))
