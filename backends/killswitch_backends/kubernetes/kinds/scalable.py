"""Custom resources with a ``/scale`` subresource (Argo Rollouts and whatever comes), found by discovery, not by import.

Their replicas are set where the CustomResourceDefinition says (``specReplicasPath``), and their pods are all those that
their selector matches, whoever controls them: nothing else is known of such a kind.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from killswitch_backends.kubernetes.kinds.kind import Field
from killswitch_backends.kubernetes.kinds.reading import pointed
from killswitch_backends.kubernetes.kinds.templated import Templated, labels_selector
from killswitch_backends.kubernetes.records import Owner, Selector, mapping, number, selector_of, text
from killswitch_backends.kubernetes.resources import Resource

_WHOLE = re.compile(r"[0-9]{1,18}")
_EQUAL = re.compile(r"^([\w./-]+)==?([\w.-]*)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalable(Templated):
    """A custom kind that can be scaled."""

    loose: bool = True
    scalable: bool = True

    def counts(self, item: Mapping[str, Any]) -> tuple[int, int]:
        replicas = number(pointed(item, self.switch[0].pointer))
        ready = number(mapping(item.get("status")).get("readyReplicas"))
        return 1 if replicas is None else replicas, ready or 0

    def observed(self, item: Mapping[str, Any], generation: int) -> int | None:
        """Some controllers write it as text (Argo Rollouts), some not at all: then only its pods tell."""
        found = mapping(item.get("status")).get("observedGeneration")
        if isinstance(found, str) and _WHOLE.fullmatch(found):
            return int(found)
        return generation if found is None else number(found)

    def selector(self, item: Mapping[str, Any], inner: Mapping[str, Any]) -> Selector:
        declared = selector_of(mapping(item.get("spec")).get("selector"))
        if declared.labels or declared.expressions:
            return declared
        written = written_selector(text(mapping(item.get("status")).get("selector")))
        return written if written.labels else labels_selector(inner)

    def owns(self, owner: Owner) -> str | None:
        """An Argo Rollout's pods belong to ReplicaSets called ``ROLLOUT-HASH``."""
        ending = f"-{owner.rollout_hash}"
        if self.name == "Rollout" and owner.kind == "ReplicaSet" and owner.rollout_hash:
            return owner.name.removesuffix(ending) if owner.name.endswith(ending) else None
        return owner.name if owner.kind == self.name else None


def written_selector(written: str) -> Selector:
    """A selector as a status carries it (``app=a,tier=b``); empty where it says more than equality."""
    parts = [_EQUAL.match(part.strip()) for part in written.split(",")] if written else []
    if not all(parts):
        return Selector()
    return Selector(tuple((part[1], part[2]) for part in parts if part))


def scalable(name: str, resource: Resource, replicas: str = ".spec.replicas") -> Scalable:
    """A kind whose replicas are at a path such as ``.spec.replicas``."""
    field = Field("replicas", replicas.replace(".", "/"), off=0, default=1)
    return Scalable(name=name, resource=resource, switch=(field,))
