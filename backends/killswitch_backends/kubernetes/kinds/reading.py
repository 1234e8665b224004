"""Reading what objects of every kind have in common: metadata, the switch, who else controls it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from killswitch_backends.kubernetes.kinds.kind import Field
from killswitch_backends.kubernetes.records import items, mapping, text
from killswitch_backends.protocol import Json

_TRACKED_BY = (
    ("argocd.argoproj.io/tracking-id", "Argo CD tracks it: self-heal may put it back"),
    ("argocd.argoproj.io/instance", "Argo CD tracks it: self-heal may put it back"),
    ("kustomize.toolkit.fluxcd.io/name", "Flux (Kustomization) applies it again at each interval"),
    ("helm.toolkit.fluxcd.io/name", "Flux (HelmRelease) may correct it as drift"),
)


def pointed(item: Any, pointer: str) -> Json:
    """The value at a JSON pointer; None where any part of the way is absent."""
    for part in pointer.split("/")[1:]:
        item = mapping(item).get(part.replace("~1", "/").replace("~0", "~"))
    return item


def switch_of(item: Mapping[str, Any], fields: Sequence[Field]) -> Mapping[str, Json]:
    """The fields of a switch as the object has them."""
    return {field.name: pointed(item, field.pointer) for field in fields}


def revivers_of(meta: Mapping[str, Any]) -> tuple[str, ...]:
    """Who, by the object's own metadata, may undo a halt, in words for a plan's risks."""
    tags = {**mapping(meta.get("labels")), **mapping(meta.get("annotations"))}
    found = dict.fromkeys(words for key, words in _TRACKED_BY if key in tags)
    for reference in items(meta.get("ownerReferences")):
        if reference.get("controller") is True:
            found[f"{text(reference.get('kind'))} {text(reference.get('name'))} controls it and may put it back"] = None
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
