"""Deployments: halted by ``spec.replicas`` 0, proven by the pods of their ReplicaSets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from killswitch_backends.kubernetes.kinds.kind import Field, Kind, claim_of
from killswitch_backends.kubernetes.kinds.reading import last_writer, revivers_of, switch_of
from killswitch_backends.kubernetes.records import Owner, Workload, mapping, mark_of, number, selector_of, text
from killswitch_backends.kubernetes.resources import ObjectKey, Resource
from killswitch_backends.protocol import Json, LabelKeys

_DEPLOYMENTS = Resource("/apis/apps/v1", "deployments")
_REPLICAS = Field("replicas", "/spec/replicas", off=0, default=1)


@dataclass(frozen=True, slots=True)
class Deployment:
    """``apps/v1`` Deployment."""

    name: str = "Deployment"
    resource: Resource = _DEPLOYMENTS
    switch: tuple[Field, ...] = (_REPLICAS,)

    def workload(self, item: Mapping[str, Any], labels: LabelKeys) -> Workload:
        meta, spec, status = mapping(item.get("metadata")), mapping(item.get("spec")), mapping(item.get("status"))
        template = mapping(spec.get("template"))
        own, inner = mapping(meta.get("labels")), mapping(mapping(template.get("metadata")).get("labels"))
        switch = switch_of(item, self.switch)
        replicas = number(switch["replicas"])
        annotations = meta.get("annotations")
        return Workload(
            key=ObjectKey(text(meta.get("namespace")), self.name, text(meta.get("name"))),
            uid=text(meta.get("uid")),
            version=text(meta.get("resourceVersion")),
            generation=number(meta.get("generation")) or 0,
            observed=number(status.get("observedGeneration")),
            claim=claim_of({**inner, **own}, labels),
            agent=text(own.get(labels.agent)),
            switch=switch,
            annotated=isinstance(annotations, dict),
            mark=mark_of(mapping(annotations)),
            selector=selector_of(spec.get("selector")),
            account=text(mapping(template.get("spec")).get("serviceAccountName")) or "default",
            desired=_REPLICAS.default if replicas is None else replicas,
            ready=number(status.get("readyReplicas")) or 0,
            revivers=revivers_of(meta),
            switched_by=last_writer(meta, _REPLICAS.pointer),
            deleting="deletionTimestamp" in meta,
        )

    def action(self, prior: Mapping[str, Json]) -> str:
        return f"scale {prior.get('replicas')} -> 0"

    def owns(self, owner: Owner) -> str | None:
        """A ReplicaSet of a Deployment is called ``DEPLOYMENT-HASH``, and its pods carry the hash as a label."""
        ending = f"-{owner.template_hash}"
        if owner.kind != "ReplicaSet" or not owner.template_hash or not owner.name.endswith(ending):
            return None
        return owner.name.removesuffix(ending)


KINDS: tuple[Kind, ...] = (Deployment(),)
