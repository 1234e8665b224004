"""A group of the fleet's tree: its members in order and its roll-up, kept up to date one change at a time."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable
from dataclasses import dataclass, field

from killswitch_inventory.agents import Health

HEALTHS = tuple(Health)
"""Health by its code: what the columns store."""

HEALTH_CODE = {health: code for code, health in enumerate(HEALTHS)}

INSERT_MOST = 64
"""Members to insert one by one at most; more are sorted in at once."""

SortKey = Callable[[int], str]
"""The text a slot is ordered by."""


@dataclass(slots=True)
class Group:
    """The agents of one class (or tenant) as one row that can be opened."""

    name: str
    members: list[int] = field(default_factory=list)
    """Slots, ordered by name."""
    expanded: bool = False
    running: int = 0
    halted: int = 0
    halting: int = 0
    uncovered: int = 0
    health: list[int] = field(default_factory=lambda: [0] * len(HEALTHS))
    """How many members are of each health, by its code."""

    def add(self, slots: list[int], key: SortKey) -> None:
        """Put members in their places; many at once cost one sort."""
        if len(slots) > INSERT_MOST:
            self.members += slots
            self.members.sort(key=key)
        else:
            for slot in slots:
                insort(self.members, slot, key=key)

    def remove(self, slots: list[int], key: SortKey) -> None:
        """Take members out; many at once cost one pass."""
        if len(slots) > INSERT_MOST:
            leaving = set(slots)
            self.members = [slot for slot in self.members if slot not in leaving]
        else:
            for slot in slots:
                del self.members[self.place(slot, key)]

    def place(self, slot: int, key: SortKey) -> int:
        """Where a member stands."""
        return bisect_left(self.members, key(slot), key=key)
