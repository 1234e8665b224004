"""Reading what objects of every kind have in common: metadata, the switch, who else controls it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from killswitch_backends.kubernetes.kinds.kind import Field
from killswitch_backends.kubernetes.records import Owner, Tracking, items, mapping, text
from killswitch_backends.protocol import Json

_ARGO_ID = "argocd.argoproj.io/tracking-id"
_ARGO_INSTANCE = "argocd.argoproj.io/instance"
_FLUX = (("Kustomization", "kustomize.toolkit.fluxcd.io/"), ("HelmRelease", "helm.toolkit.fluxcd.io/"))


def pointed(item: Any, pointer: str) -> Json:
    """The value at a JSON pointer; None where any part of the way is absent."""
    for part in pointer.split("/")[1:]:
        item = mapping(item).get(part.replace("~1", "/").replace("~0", "~"))
    return item


def switch_of(item: Mapping[str, Any], fields: Sequence[Field]) -> Mapping[str, Json]:
    """The fields of a switch as the object has them."""
    return {field.name: pointed(item, field.pointer) for field in fields}


def controller_of(meta: Mapping[str, Any]) -> Owner | None:
    """The object that controls this one, if any."""
    for reference in items(meta.get("ownerReferences")):
        if reference.get("controller") is True:
            api = text(reference.get("apiVersion"))
            return Owner(text(reference.get("kind")), text(reference.get("name")), api_version=api)
    return None


def tracking_of(meta: Mapping[str, Any]) -> tuple[Tracking, ...]:
    """The deployment tools that say, by labels and annotations, that they keep this object as it is in Git."""
    labels, annotations = mapping(meta.get("labels")), mapping(meta.get("annotations"))
    found: list[Tracking] = []
    for kind, prefix in _FLUX:
        if name := text(labels.get(f"{prefix}name")):
            found.append(Tracking(kind, text(labels.get(f"{prefix}namespace")), name))
    instance = text(annotations.get(_ARGO_ID)).partition(":")[0]
    if instance := instance or text(annotations.get(_ARGO_INSTANCE)) or text(labels.get(_ARGO_INSTANCE)):
        namespace, _, name = instance.rpartition("_")  # "NAMESPACE_NAME" where applications live in any namespace
        found.insert(0, Tracking("Application", namespace, name))
    return tuple(found)


def last_writer(meta: Mapping[str, Any], pointer: str) -> str:
    """The field manager that owns a field and wrote last; empty where the server does not say."""
    path = ["f:" + part for part in pointer.split("/")[1:]]
    owners = [entry for entry in items(meta.get("managedFields")) if _covers(entry.get("fieldsV1"), path)]
    newest = max(owners, key=lambda entry: text(entry.get("time")), default={})
    return text(newest.get("manager"))


def _covers(fields: Any, path: Sequence[str]) -> bool:
    for part in path:
        if not isinstance(fields, dict) or part not in fields:
            return False
        fields = fields[part]
    return True
