"""One companion of a target: another object, the fields that a halt changes in it, and whose holds it is under.

A companion may stand behind many targets (one Argo CD application for a whole namespace). So its mark carries its prior
state once, and the targets that hold it; the last one to let go puts it back. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from killswitch_backends.kubernetes.kinds.reading import pointed
from killswitch_backends.kubernetes.records import MARK_PREFIX, PRIOR, items, mapping, text
from killswitch_backends.kubernetes.resources import Resource
from killswitch_backends.outside import parsed
from killswitch_backends.protocol import Json

HOLDERS = f"{MARK_PREFIX}holders"


@dataclass(frozen=True, slots=True)
class Change:
    """One field: where it is, what it was, what the halt makes it; None means absent."""

    pointer: str
    prior: Json
    off: Json

    def stands(self, item: Mapping[str, Any]) -> bool:
        """Whether an object has it as the halt leaves it; what a server adds by default does not count."""
        return _contains(pointed(item, self.pointer), self.off)


@dataclass(frozen=True, slots=True)
class Companion:
    """One object to hold, as it was before anybody held it."""

    kind: str
    resource: Resource
    namespace: str
    name: str
    uid: str
    changes: tuple[Change, ...]
    holders: Mapping[str, str]
    """Id of the halt by path of the target, of those that hold it already."""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"

    @property
    def path(self) -> str:
        return self.resource.path(self.namespace, self.name)

    def recorded(self, item: Mapping[str, Any]) -> tuple[Change, ...]:
        """The prior state in the mark that its object carries now."""
        return recorded(item, [deepest(change) for change in self.changes])

    def to_json(self) -> dict[str, Json]:
        """As a prior state carries it."""
        return {
            "kind": self.kind,
            "root": self.resource.root,
            "plural": self.resource.plural,
            "namespace": self.namespace,
            "name": self.name,
            "uid": self.uid,
            "changes": [[change.pointer, change.prior, change.off] for change in self.changes],
        }


def deepest(change: Change) -> str:
    """The pointer of the very field, where the change adds the way to it too."""
    pointer, off = change.pointer, change.off
    while isinstance(off, dict) and len(off) == 1:
        (part, off), *_ = off.items()
        pointer = f"{pointer}/{part}"
    return pointer


def from_json(value: Json) -> Companion:
    """Read what ``to_json`` wrote."""
    found = mapping(value)
    words = {key: text(found.get(key)) for key in ("kind", "root", "plural", "namespace", "name", "uid")}
    changes = tuple(Change(*change) for change in found.get("changes") or ())
    place = Resource(words["root"], words["plural"])
    return Companion(words["kind"], place, words["namespace"], words["name"], words["uid"], changes, {})


def companion_of(
    kind: str, resource: Resource, item: Mapping[str, Any], fields: Sequence[tuple[str, Json]]
) -> Companion:
    """What holding an object would change: each field's pointer and the value that holds it.

    Where an object carries a mark, its prior state is the one recorded there.
    """
    meta = mapping(item.get("metadata"))
    changes = recorded(item, [pointer for pointer, _ in fields])
    changes = changes or tuple(_change(item, pointer, off) for pointer, off in fields)
    name, namespace = text(meta.get("name")), text(meta.get("namespace"))
    return Companion(kind, resource, namespace, name, text(meta.get("uid")), changes, holders_of(item))


def _change(item: Mapping[str, Any], pointer: str, off: Json) -> Change:
    """A change at the field, or at the first part of the way to it that is absent (annotations are added anyway)."""
    parts = pointer.split("/")[1:]
    for depth in range(1, len(parts)):
        upper = "/" + "/".join(parts[:depth])
        if upper != "/metadata/annotations" and pointed(item, upper) is None:
            value = off
            for part in reversed(parts[depth:]):
                value = {part: value}
            return Change(upper, None, value)
    return Change(pointer, pointed(item, pointer), off)


def recorded(item: Mapping[str, Any], pointers: Iterable[str]) -> tuple[Change, ...]:
    """The prior state in an object's mark, of the fields at ``pointers``; empty where it tells none, or of others too.

    Whoever can write the object can write a mark: nothing is changed by it but what a hold of this kind changes.
    """
    if not holders_of(item):
        return ()
    try:
        found = parsed(text(annotations_of(item).get(PRIOR)))
        told = tuple(Change(text(pointer), prior, off) for pointer, prior, off in found)
    except (ValueError, TypeError):
        return ()
    held = list(pointers)
    return told if all(_is_along(change.pointer, held) for change in told) else ()


def _is_along(pointer: str, held: Iterable[str]) -> bool:
    """Whether a pointer is one of those that are held, or a part of the way to it that was absent."""
    return pointer.count("/") > 1 and any(f"{one}/".startswith(f"{pointer}/") for one in held)


def holders_of(item: Mapping[str, Any]) -> Mapping[str, str]:
    """The targets that hold an object, and by which halt."""
    try:
        found = parsed(text(annotations_of(item).get(HOLDERS)) or "{}")
    except ValueError:
        return {}
    return {key: value for key, value in mapping(found).items() if isinstance(value, str)}


def annotations_of(item: Mapping[str, Any]) -> Mapping[str, Any]:
    return mapping(mapping(item.get("metadata")).get("annotations"))


def listed(prior: Mapping[str, Json]) -> list[Companion]:
    """The companions that a prior state names."""
    return [from_json(value) for value in items(prior.get("companions"))]


def _contains(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(_contains(found.get(key), value) for key, value in wanted.items())
    return bool(found == wanted)
