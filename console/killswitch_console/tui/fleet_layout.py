"""Which groups stand in which order, which of them are open, and what that makes of rows. Knows groups only."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate

from killswitch_console.tui.fleet_columns import HEALTHS
from killswitch_console.tui.fleet_groups import Group
from killswitch_console.tui.ordering import natural

_WORST_LAST = [str(health) for health in HEALTHS]


class Layout:
    """The groups in their order, and the rows they take. While something is filtered, groups are open by themselves."""

    def __init__(self) -> None:
        self.groups: list[Group] = []
        """In their order; each knows its index."""
        self.filtered = False
        self._opened: set[str] = set()
        """Groups that are open while nothing is filtered."""
        self._closed: set[str] = set()
        """Groups that are closed while something is."""
        self._tops: list[int] = [0]

    def arrange(self, groups: Iterable[Group], *, by_health: bool) -> None:
        """Take other groups: by their names, or the worst health first. ``recount`` counts their rows."""
        self.groups = sorted(
            groups, key=lambda group: (-_WORST_LAST.index(group.name) if by_health else 0, natural(group.name))
        )
        for index, group in enumerate(self.groups):
            group.index = index

    def recount(self) -> None:
        """Count the rows anew: a step per group."""
        heights = (1 + (len(group.members) if self.is_open(group.name) else 0) for group in self.groups)
        self._tops = [0, *accumulate(heights)]

    @property
    def row_count(self) -> int:
        """How many rows there are."""
        return self._tops[-1]

    def at(self, row: int) -> tuple[Group, int]:
        """The group a row belongs to, and which of its rows it is: 0 is its own, then come its members."""
        index = bisect_right(self._tops, row) - 1
        return self.groups[index], row - self._tops[index]

    def top_of(self, group: Group) -> int:
        """The row of a group itself."""
        return self._tops[group.index]

    # -- open or not -----------------------------------------------------------------------------------------------

    def is_open(self, name: str) -> bool:
        """Whether the members of a group have rows."""
        return name not in self._closed if self.filtered else name in self._opened

    def turn(self, name: str) -> None:
        """Open what is closed, close what is open."""
        (self._closed if self.filtered else self._opened).symmetric_difference_update((name,))

    def turn_all(self, *, on: bool) -> None:
        """Open every group, or close every one."""
        names = {group.name for group in self.groups}
        if self.filtered:
            self._closed = set() if on else names
        else:
            self._opened = names if on else set()

    def close_all(self) -> None:
        """Forget what was open: the groups are other ones."""
        self._opened, self._closed = set(), set()

    def filter(self, *, on: bool) -> None:
        """Note whether something is filtered; a new filter opens every group."""
        if on != self.filtered:
            self._closed = set()
        self.filtered = on
