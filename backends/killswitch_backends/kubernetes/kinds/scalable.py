"""Custom resources with a ``/scale`` subresource (Argo Rollouts and whatever comes), found by discovery, not by import.

Their replicas are set where the CustomResourceDefinition says (``specReplicasPath``), and their pods are all those that
their selector (at ``labelSelectorPath``, or their own) matches, whoever controls them: nothing else is known of such a
kind. One that tells no selector is never proven to have stopped by the absence of pods alone (proof.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from killswitch_backends.kubernetes.kinds.kind import Field
from killswitch_backends.kubernetes.kinds.reading import pointed
from killswitch_backends.kubernetes.kinds.templated import Templated, labels_selector
from killswitch_backends.kubernetes.records import Owner, Selector, mapping, number, selector_of, text, written_selector
from killswitch_backends.kubernetes.resources import Resource

_WHOLE = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalable(Templated):
    """A custom kind that can be scaled."""

    loose: bool = True
    scalable: bool = True
    written: str = "/status/selector"
    """Where its objects tell their selector as text, as a JSON pointer."""

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
        written = written_selector(text(pointed(item, self.written)))
        declared = written or selector_of(mapping(item.get("spec")).get("selector"))
        return declared or labels_selector(inner)

    def owns(self, owner: Owner) -> str | None:
        """An Argo Rollout's pods belong to ReplicaSets called ``ROLLOUT-HASH``."""
        ending = f"-{owner.rollout_hash}"
        if self.name == "Rollout" and owner.kind == "ReplicaSet" and owner.rollout_hash:
            return owner.name.removesuffix(ending) if owner.name.endswith(ending) else None
        return owner.name if owner.kind == self.name else None


def scalable(
    name: str, resource: Resource, replicas: str = ".spec.replicas", selector: str = ".status.selector"
) -> Scalable:
    """A kind whose replicas and selector are at paths such as ``.spec.replicas`` and ``.status.selector``."""
    field = Field("replicas", replicas.replace(".", "/"), off=0, default=1)
    return Scalable(name=name, resource=resource, switch=(field,), written=selector.replace(".", "/"))
