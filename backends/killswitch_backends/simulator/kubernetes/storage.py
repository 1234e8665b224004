"""Where the objects are: tables with one global resourceVersion, a bounded history, and an index of owned objects.

The only place that gives versions. It knows nothing of HTTP, validation or controllers; those hear of changes through
``subscribe``. Every write is synchronous: between two awaits the store is consistent.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from killswitch_backends.simulator.kubernetes.failures import already_exists, expired
from killswitch_backends.simulator.kubernetes.kinds import Kind
from killswitch_backends.simulator.kubernetes.objects import JsonObject, Stored, controller_of

FIRST_VERSION = 1000
HISTORY = 10_000
"""Changes kept for each kind; whoever resumes from before them is told 410 Gone, as after an etcd compaction."""


class Change(StrEnum):
    """What happened to an object, in a watch's words."""

    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"


class Event:
    """One change of one object. A deletion carries the last state under the deletion's own version."""

    __slots__ = ("_line", "change", "previous", "stored")

    def __init__(self, change: Change, stored: Stored, previous: Stored | None) -> None:
        self.change, self.stored, self.previous = change, stored, previous
        self._line: bytes | None = None

    @property
    def version(self) -> int:
        return self.stored.version

    def line(self) -> bytes:
        """The event as an unfiltered watch sends it, made once for all watches."""
        if self._line is None:
            self._line = event_line(self.change, self.stored.document())
        return self._line


def event_line(change: str, document: bytes) -> bytes:
    """One line of a watch stream."""
    return b'{"type":"' + change.encode() + b'","object":' + document + b"}\n"


@dataclass(slots=True)
class Table:
    """All objects of one kind, by namespace ("" for cluster-wide kinds) and name."""

    objects: dict[str, dict[str, Stored]] = field(default_factory=dict)
    history: deque[Event] = field(default_factory=deque)
    floor: int = FIRST_VERSION
    """The oldest version from which the history is complete."""
    subscribers: list[Callable[[Event], None]] = field(default_factory=list)

    def __iter__(self) -> Iterator[Stored]:
        for named in self.objects.values():
            yield from named.values()

    def since(self, version: int) -> list[Event]:
        """The events after a version, oldest first.

        Raises:
            ApiFailure: 410 when the history does not reach back that far.
        """
        if version < self.floor:
            raise expired(f"too old resource version: {version} ({self.floor})")
        found: list[Event] = []
        for event in reversed(self.history):
            if event.version <= version:
                break
            found.append(event)
        found.reverse()
        return found


class Store:
    """The state of the cluster."""

    def __init__(self, *, history: int = HISTORY) -> None:
        self.version = FIRST_VERSION
        self._history = history
        self._tables: dict[Kind, Table] = {}
        self._owned: dict[str, dict[str, Stored]] = {}
        self._subscribers: list[Callable[[Event], None]] = []

    def table(self, kind: Kind) -> Table:
        found = self._tables.get(kind)
        if found is None:
            found = self._tables[kind] = Table(floor=self.version)
        return found

    def subscribe(self, hear: Callable[[Event], None]) -> None:
        """Call ``hear`` with every change of every kind, right after it happened; it must not write."""
        self._subscribers.append(hear)

    def get(self, kind: Kind, namespace: str, name: str) -> Stored | None:
        return self.table(kind).objects.get(namespace, {}).get(name)

    def owned(self, uid: str, kind: Kind | None = None) -> list[Stored]:
        """The objects whose controller has this uid."""
        found = self._owned.get(uid)
        if not found:
            return []
        return [stored for stored in found.values() if kind is None or stored.kind is kind]

    def insert(self, kind: Kind, value: JsonObject) -> Stored:
        """Store a new object.

        Raises:
            ApiFailure: 409 AlreadyExists.
        """
        stored = self._stamped(kind, value)
        named = self.table(kind).objects.setdefault(stored.namespace, {})
        if stored.name in named:
            raise already_exists(kind, stored.name)
        named[stored.name] = stored
        self._index(None, stored)
        self._publish(Event(Change.ADDED, stored, None))
        return stored

    def load(self, kind: Kind, value: JsonObject) -> Stored:
        """Store an object of the world before serving: no history, nobody is told."""
        stored = self._stamped(kind, value)
        table = self.table(kind)
        table.objects.setdefault(stored.namespace, {})[stored.name] = stored
        table.floor = self.version
        self._index(None, stored)
        return stored

    def replace(self, old: Stored, value: JsonObject) -> Stored:
        """Store the next version of an object that is the stored one now; an equal value changes nothing."""
        if value == old.value:
            return old
        stored = self._stamped(old.kind, value)
        self.table(old.kind).objects[old.namespace][old.name] = stored
        self._index(old, stored)
        self._publish(Event(Change.MODIFIED, stored, old))
        return stored

    def remove(self, old: Stored) -> Stored:
        """Remove an object; returns its last state under the version of the removal."""
        named = self.table(old.kind).objects[old.namespace]
        stored = self._stamped(old.kind, old.value)
        del named[old.name]
        self._index(old, None)
        self._publish(Event(Change.DELETED, stored, old))
        return stored

    def at_version(self, kind: Kind, version: int) -> dict[tuple[str, str], Stored]:
        """All objects of a kind as they were at a version.

        Raises:
            ApiFailure: 410 when the history does not reach back that far.
        """
        table = self.table(kind)
        objects = {stored.key: stored for stored in table}
        for event in reversed(table.since(version)):
            if event.previous is None:
                objects.pop(event.stored.key, None)
            else:
                objects[event.previous.key] = event.previous
        return objects

    def _stamped(self, kind: Kind, value: JsonObject) -> Stored:
        self.version += 1
        meta = {**value["metadata"], "resourceVersion": str(self.version)}
        return Stored(kind, {**value, "metadata": meta}, self.version)

    def _index(self, old: Stored | None, new: Stored | None) -> None:
        before = controller_of(old.value) if old else None
        after = controller_of(new.value) if new else None
        if old and before and (after is None or after["uid"] != before["uid"]):
            owned = self._owned.get(before["uid"], {})
            owned.pop(old.uid, None)
            if not owned:
                self._owned.pop(before["uid"], None)
        if new and after:
            self._owned.setdefault(after["uid"], {})[new.uid] = new

    def _publish(self, event: Event) -> None:
        table = self.table(event.stored.kind)
        table.history.append(event)
        if len(table.history) > self._history:
            table.floor = table.history.popleft().version
        for hear in table.subscribers:
            hear(event)
        for hear in self._subscribers:
            hear(event)
