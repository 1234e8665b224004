"""Control loops that look again and again: autoscalers, self-healing deployment tools, operators.

They change other objects as their real models do, through the store, so that generations and watches tell of it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable

from killswitch_backends.simulator.kubernetes.controllers.manager import Key
from killswitch_backends.simulator.kubernetes.kinds import Kinds
from killswitch_backends.simulator.kubernetes.objects import JsonObject, Stored
from killswitch_backends.simulator.kubernetes.storage import Event, Store

DESIRED = "simulator/desired"
"""Annotation of a tool's object: what it keeps, ``{"NAMESPACE/KIND/NAME": {"replicas": 3}}``, as Git would say it."""
_LATER = 0.001
"""Seconds that a timer comes after what it is for, so that it is never early."""


class Looping:
    """Looks at each of its objects at intervals, and at no other time.

    Args:
        store: where everything is.
        kinds: what is served, custom resources included.
        group: API group of its objects.
        name: their kind.
    """

    hears = None

    def __init__(self, store: Store, kinds: Kinds, group: str, name: str) -> None:
        self._store, self._kinds, self._group, self._name = store, kinds, group, name
        self._due: dict[Key, float] = {}

    def concerned(self, event: Event) -> Iterable[Key]:
        kind = event.stored.kind
        return (event.stored.key,) if kind.name == self._name and kind.group == self._group else ()

    def sync(self, key: Key) -> float | None:
        """Look at one object, when it is time."""
        loop = asyncio.get_running_loop()
        kind = next((kind for kind in self._kinds if (kind.group, kind.name) == (self._group, self._name)), None)
        stored = self._store.get(kind, *key) if kind else None
        if stored is None:
            self._due.pop(key, None)
            return None
        if key in self._due and loop.time() < self._due[key]:
            return None  # its own event: the timer that is under way brings it back
        if key in self._due:
            self.look(stored)
        self._due[key] = loop.time() + self.interval(stored)
        return self.interval(stored) + _LATER

    def interval(self, stored: Stored) -> float:
        """Seconds between two looks."""
        raise NotImplementedError

    def look(self, stored: Stored) -> None:
        """Bring what it controls to what it wants."""
        raise NotImplementedError

    def keep(self, stored: Stored) -> None:
        """Put back what the object's ``DESIRED`` annotation says."""
        for path, spec in desired_of(stored).items():
            namespace, kind, name = path.split("/")
            self.put(namespace, kind, name, spec)

    def put(self, namespace: str, kind_name: str, name: str, spec: JsonObject) -> None:
        """Set some fields of a workload's spec, if they are others now."""
        workload = self.find(namespace, kind_name, name)
        if workload is None or workload.deleting or {**workload.spec, **spec} == workload.spec:
            return
        meta = {**workload.meta, "generation": workload.meta.get("generation", 0) + 1}
        self._store.replace(workload, {**workload.value, "metadata": meta, "spec": {**workload.spec, **spec}})

    def find(self, namespace: str, kind_name: str, name: str) -> Stored | None:
        """A workload of any kind that is served."""
        for kind in self._kinds:
            if kind.name == kind_name and (found := self._store.get(kind, namespace, name)):
                return found
        return None


def desired_of(stored: Stored) -> dict[str, JsonObject]:
    """What a tool's object keeps; nothing where that cannot be read."""
    try:
        found = json.loads(stored.annotations.get(DESIRED, "{}"))
    except ValueError:
        return {}
    wanted = found.items() if isinstance(found, dict) else ()
    return {path: spec for path, spec in wanted if path.count("/") == 2 and isinstance(spec, dict)}
