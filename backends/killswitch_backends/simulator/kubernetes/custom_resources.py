"""Custom resources: what a CustomResourceDefinition declares is served, with the subresources it asks for.

Objects are stored as they come, under the storage version; there is no conversion and no schema. A scale subresource
works on ``spec.replicas``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from killswitch_backends.simulator.kubernetes import kinds
from killswitch_backends.simulator.kubernetes.controllers.manager import Key
from killswitch_backends.simulator.kubernetes.controllers.pods import condition, with_status
from killswitch_backends.simulator.kubernetes.deletion import DeleteOptions, delete
from killswitch_backends.simulator.kubernetes.kinds import Kind, Kinds
from killswitch_backends.simulator.kubernetes.objects import JsonObject, Stored
from killswitch_backends.simulator.kubernetes.storage import Event, Store


def kind_of(definition: JsonObject) -> Kind:
    """The kind that a CustomResourceDefinition's spec declares, at its storage version."""
    names: dict[str, Any] = definition["names"]
    version = next(one for one in definition["versions"] if one.get("storage"))
    subresources = version.get("subresources") or {}
    return Kind(
        definition["group"],
        version["name"],
        names["kind"],
        names["plural"],
        tuple(names.get("shortNames") or ()),
        namespaced=definition["scope"] == "Namespaced",
        status="status" in subresources,
        scale="scale" in subresources,
        categories=tuple(names.get("categories") or ()),
        custom=True,
    )


class DefinitionController:
    """Serves what is defined, and stops serving (and removes) what no longer is."""

    hears = (kinds.DEFINITION,)

    def __init__(self, store: Store, served: Kinds) -> None:
        self._store, self._kinds = store, served
        self._mine: dict[str, Kind] = {}

    def concerned(self, event: Event) -> Iterable[Key]:
        return ((event.stored.name,),)

    def sync(self, key: Key) -> None:
        (name,) = key
        definition = self._store.get(kinds.DEFINITION, "", name)
        if definition is None:
            self._forget(name)
        elif name not in self._mine:
            kind = self._mine[name] = kind_of(definition.spec)
            self._kinds.add(kind)
            with_status(self._store, definition, _established(definition, kind))

    def _forget(self, name: str) -> None:
        kind = self._mine.pop(name, None)
        if kind is None:
            return
        for stored in list(self._store.table(kind)):
            delete(self._store, stored, DeleteOptions())
        self._kinds.remove(kind)


def _established(definition: Stored, kind: Kind) -> JsonObject:
    before = definition.status.get("conditions") or ()
    accepted = condition(before, "NamesAccepted", True, "NoConflicts", "no conflicts found")
    established = condition(before, "Established", True, "InitialNamesAccepted", "the initial names have been accepted")
    names = {"kind": kind.name, "plural": kind.plural, "singular": kind.singular, "listKind": f"{kind.name}List"}
    return {"conditions": [accepted, established], "acceptedNames": names, "storedVersions": [kind.version]}
