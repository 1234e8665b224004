"""The next problem in the tree, from wherever the cursor stands: looks into groups only where their sums show one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from killswitch_console.tui.fleet_columns import HEALTHS, UNCOVERED, FleetColumns
from killswitch_console.tui.fleet_groups import Group
from killswitch_inventory.agents import Health

UNWELL = frozenset(HEALTHS.index(health) for health in (Health.UNKNOWN, Health.DEGRADED, Health.FAILING))


def problem_after(
    groups: Sequence[Group], columns: FleetColumns, here: Group | None, slot: int | None, *, back: bool
) -> int | None:
    """The slot of the next agent that is unwell or not covered (or of the one before), in the order of the rows.

    ``here`` is the group of the cursor, ``slot`` the agent under it (None: it is on the group's row). After the last
    one the first comes again; None if there is none.
    """
    for members in _stretches(groups, columns, here, slot, back=back):
        for member in reversed(members) if back else members:
            if _is_problem(columns, member):
                return member
    return None


def _stretches(
    groups: Sequence[Group], columns: FleetColumns, here: Group | None, slot: int | None, *, back: bool
) -> Iterator[Sequence[int]]:
    """Members to look through, one stretch after another: the rest of this group, all others, its beginning."""
    index = here.index if here is not None else -1
    around = [*groups[index + 1 :], *groups[: max(0, index)]]
    before, after = _halves(here, columns, slot)
    yield before if back else after
    for group in reversed(around) if back else around:
        if _has_problem(columns, group):
            yield group.sorted(columns.order)
    yield after if back else before


def _halves(here: Group | None, columns: FleetColumns, slot: int | None) -> tuple[Sequence[int], Sequence[int]]:
    """What stands before and after the cursor in its own group; the agent under it belongs to the far end."""
    if here is None or not _has_problem(columns, here):
        return (), ()
    members = here.sorted(columns.order)
    at = here.place(slot, columns.order) if slot is not None else len(members)
    if at == len(members) or members[at] != slot:
        return (), members
    return members[:at], members[at + 1 :]


def _has_problem(columns: FleetColumns, group: Group) -> bool:
    unwell = any(group.sums.health[code] for code in UNWELL)
    return unwell or (columns.coverage_known and group.sums.uncovered > 0)


def _is_problem(columns: FleetColumns, slot: int) -> bool:
    uncovered = columns.coverage_known and columns.flags[slot] & UNCOVERED
    return columns.health[slot] in UNWELL or bool(uncovered)
