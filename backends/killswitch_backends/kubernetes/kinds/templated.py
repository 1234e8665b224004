"""What all kinds with a pod template have in common: reading one object, and which pods are its own.

A family of kinds is a module beside this one; it fills in the fields, and overrides the few hooks where it differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from killswitch_backends.kubernetes.containers import grace_of
from killswitch_backends.kubernetes.kinds.kind import Field, claim_of
from killswitch_backends.kubernetes.kinds.reading import (
    controller_of,
    last_writer,
    pointed,
    switch_of,
    tracking_of,
)
from killswitch_backends.kubernetes.records import (
    Owner,
    Selector,
    Workload,
    mapping,
    mark_of,
    number,
    selector_of,
    text,
)
from killswitch_backends.kubernetes.resources import ObjectKey, Resource
from killswitch_backends.protocol import Json, LabelKeys

REPLICAS = Field("replicas", "/spec/replicas", off=0, default=1)
SUSPEND = Field("suspend", "/spec/suspend", off=True, default=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Templated:
    """A kind of workload; see ``Kind`` for what the fields mean."""

    name: str
    resource: Resource
    switch: tuple[Field, ...]
    template: str = "/spec/template"
    """Where its pod template is."""
    children: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    loose: bool = False
    scalable: bool = False
    in_turn: bool = False
    unsupported: str = ""

    def workload(self, item: Mapping[str, Any], labels: LabelKeys) -> Workload:
        meta = mapping(item.get("metadata"))
        template = mapping(pointed(item, self.template))
        own, inner = mapping(meta.get("labels")), mapping(mapping(template.get("metadata")).get("labels"))
        annotations = meta.get("annotations")
        mark = mark_of(mapping(annotations))
        generation = number(meta.get("generation")) or 0
        desired, ready = self.counts(item)
        return Workload(
            key=ObjectKey(text(meta.get("namespace")), self.name, text(meta.get("name"))),
            uid=text(meta.get("uid")),
            version=text(meta.get("resourceVersion")),
            generation=generation,
            observed=self.observed(item, generation),
            claim=claim_of(own, labels, inner),
            agent=text(own.get(labels.agent)),
            switch=switch_of(item, self.switch),
            annotated=isinstance(annotations, dict),
            mark=mark,
            selector=self.selector(item, inner),
            account=text(mapping(template.get("spec")).get("serviceAccountName")) or "default",
            desired=desired,
            ready=ready,
            switched_by=last_writer(meta, self.switch[0].pointer) if mark and self.switch else "",
            deleting="deletionTimestamp" in meta,
            parent=controller_of(meta),
            tracking=tracking_of(meta),
            grace=grace_of({}, mapping(template.get("spec"))),
            canary=own.get(labels.canary) == "true",
        )

    def counts(self, item: Mapping[str, Any]) -> tuple[int, int]:
        """How many pods it wants, and how many are ready."""
        replicas = number(mapping(item.get("spec")).get("replicas"))
        ready = number(mapping(item.get("status")).get("readyReplicas"))
        return 1 if replicas is None else replicas, ready or 0

    def observed(self, item: Mapping[str, Any], generation: int) -> int | None:
        """The newest generation that its controller has acted on."""
        _ = generation
        return number(mapping(item.get("status")).get("observedGeneration"))

    def selector(self, item: Mapping[str, Any], inner: Mapping[str, Any]) -> Selector:
        """What its pods' labels satisfy; ``inner`` are those of its template."""
        _ = inner
        return selector_of(mapping(item.get("spec")).get("selector"))

    def action(self, prior: Mapping[str, Json]) -> str:
        return f"scale {prior.get('replicas')} -> 0"

    def owns(self, owner: Owner) -> str | None:
        return owner.name if owner.kind == self.name else None


def labels_selector(labels: Mapping[str, Any]) -> Selector:
    """A selector of exactly these labels of a template."""
    return Selector(tuple((key, value) for key, value in labels.items() if isinstance(value, str)), guessed=True)
