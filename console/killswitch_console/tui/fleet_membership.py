"""To which group an agent belongs, by whatever the tree groups: many at once, in C where that can be."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Final

from killswitch_console.tui.fleet_columns import HEALTHS, FleetColumns
from killswitch_console.tui.fleet_groups import Grouping
from killswitch_inventory.agents import AgentKey

UNBOUND: Final = "no platform"
"""The group of agents that no target is known of, where agents are grouped by platform."""

_CLASS_OF: Final[Callable[[AgentKey | None], str]] = attrgetter("agent_class")
_TENANT_OF: Final[Callable[[AgentKey | None], str]] = attrgetter("tenant")
_HEALTH_NAMES: Final = [str(health) for health in HEALTHS]


def group_names(columns: FleetColumns, grouping: Grouping, slots: list[int]) -> Iterable[str]:
    """The name of the group of each of some agents."""
    match grouping:
        case Grouping.CLASS:
            return map(_CLASS_OF, map(columns.keys.__getitem__, slots))
        case Grouping.TENANT:
            return map(_TENANT_OF, map(columns.keys.__getitem__, slots))
        case Grouping.HEALTH:
            return map(_HEALTH_NAMES.__getitem__, map(columns.health.__getitem__, slots))
        case Grouping.BACKEND | Grouping.ACCOUNT:
            names = _place_names(columns, by_kind=grouping is Grouping.BACKEND)
            return [names[columns.place[slot]] for slot in slots]


def _place_names(columns: FleetColumns, *, by_kind: bool) -> list[str]:
    return [UNBOUND if p is None else p.kind if by_kind else str(p) for p in columns.places]
