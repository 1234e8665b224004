"""Groups of the fleet's tree: by what agents are grouped, and a group's members and roll-up, one change at a time."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from killswitch_console.tui.fleet_columns import FLAGS, HALTED, HALTING, HEALTHS, UNCOVERED, FleetColumns, Values

INSERT_MOST = 64
"""Members to insert one by one at most; more are sorted in at once."""

SortKey = Callable[[int], str]
"""The text a slot is ordered by."""


class Grouping(StrEnum):
    """What the tree groups agents by."""

    CLASS = "class"
    TENANT = "tenant"
    BACKEND = "backend"
    """The kind of platform that runs it: ``kubernetes``, ``lambda``."""
    ACCOUNT = "cluster/account"
    """The very connection that runs it: ``kubernetes:prod``, one table of the configuration."""
    HEALTH = "health"


@dataclass(slots=True)
class Sums:
    """What some agents are, summed up."""

    agents: int = 0
    running: int = 0
    halted: int = 0
    halting: int = 0
    uncovered: int = 0
    health: list[int] = field(default_factory=lambda: [0] * len(HEALTHS))
    """How many are of each health, by its code."""

    def count(self, values: Values, sign: int) -> None:
        """Count one agent in (1) or out (-1)."""
        flags, health, running, _ = values
        self.agents += sign
        self.running += sign * running
        self.health[health] += sign
        if flags & FLAGS:
            self.uncovered += sign * bool(flags & UNCOVERED)
            self.halted += sign * bool(flags & HALTED)
            self.halting += sign * bool(flags & HALTING)

    def shift(self, before: Values, after: Values) -> None:
        """One agent has other values than before: what changes in the sums, in as few steps as can be."""
        self.running += after[2] - before[2]
        if before[1] != after[1]:
            self.health[before[1]] -= 1
            self.health[after[1]] += 1
        if differ := before[0] ^ after[0]:
            now = after[0]
            self.uncovered += bool(differ & UNCOVERED) and (1 if now & UNCOVERED else -1)
            self.halted += bool(differ & HALTED) and (1 if now & HALTED else -1)
            self.halting += bool(differ & HALTING) and (1 if now & HALTING else -1)

    def count_many(self, columns: FleetColumns, slots: list[int]) -> None:
        """Count many agents in: a step per agent in C, and one per combination of flags."""
        self.agents += len(slots)
        self.running += sum(map(columns.running.__getitem__, slots))
        for code, number in Counter(map(columns.health.__getitem__, slots)).items():
            self.health[code] += number
        for flags, number in Counter(map(columns.flags.__getitem__, slots)).items():
            self.uncovered += number * bool(flags & UNCOVERED)
            self.halted += number * bool(flags & HALTED)
            self.halting += number * bool(flags & HALTING)


@dataclass(slots=True)
class Group:
    """The agents of one class (or tenant, or health) as one row that can be opened."""

    name: str
    sums: Sums = field(default_factory=Sums)
    members: list[int] = field(default_factory=list)
    """Slots; in order once somebody looked at them (``sorted``)."""
    in_order: bool = False
    index: int = 0
    """Where it stands among the groups."""

    def add(self, slots: list[int], key: SortKey) -> None:
        """Put members in their places; into a group that nobody looked at in any place."""
        if not self.in_order:
            self.members += slots
        elif len(slots) > INSERT_MOST:
            self.members += slots
            self.members.sort(key=key)
        else:
            for slot in slots:
                insort(self.members, slot, key=key)

    def remove(self, slots: Iterable[int], key: SortKey) -> None:
        """Take members out; many at once cost one pass."""
        slots = list(slots)
        if self.in_order and len(slots) <= INSERT_MOST:
            for slot in slots:
                del self.members[bisect_left(self.members, key(slot), key=key)]
        else:
            leaving = set(slots)
            self.members = [slot for slot in self.members if slot not in leaving]

    def sorted(self, key: SortKey) -> list[int]:
        """The members in order. Sorted when first looked at: opening all groups sorts only those that are shown."""
        if not self.in_order:
            self.members.sort(key=key)
            self.in_order = True
        return self.members

    def place(self, slot: int, key: SortKey) -> int:
        """Where a member stands."""
        return bisect_left(self.sorted(key), key(slot), key=key)
