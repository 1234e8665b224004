"""What a row of the fleet's tree says: a group summed up, or one agent. Frozen, made for the rows that are painted."""

from __future__ import annotations

from dataclasses import dataclass

from killswitch_console.tui.fleet_columns import HALTED, HALTING, HEALTHS, LAYER_BIT, UNCOVERED, FleetColumns
from killswitch_console.tui.fleet_groups import Grouping, Sums
from killswitch_inventory.agents import AgentKey, Health
from killswitch_inventory.targets import Layer


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A group's row: what it holds, summed up."""

    name: str
    grouping: Grouping
    agents: int
    expanded: bool
    running: int
    halted: int
    halting: int
    uncovered: int
    health: dict[Health, int]
    marked: int = 0


@dataclass(frozen=True, slots=True)
class AgentRow:
    """An agent's row."""

    key: AgentKey
    health: Health
    running: int
    layers: tuple[Layer, ...]
    uncovered: bool
    halted: bool
    halting: bool
    marked: bool = False


Node = AgentKey | str
"""What a row stands for, whatever row it is in now: an agent, or a group by its name."""


def agent_row(columns: FleetColumns, key: AgentKey, slot: int, *, marked: bool) -> AgentRow:
    """The row of an agent as the columns hold it."""
    flags = columns.flags[slot]
    return AgentRow(
        key=key,
        health=HEALTHS[columns.health[slot]],
        running=columns.running[slot],
        layers=tuple(layer for layer, bit in LAYER_BIT.items() if flags & bit),
        uncovered=columns.coverage_known and bool(flags & UNCOVERED),
        halted=bool(flags & HALTED),
        halting=bool(flags & HALTING),
        marked=marked,
    )


def group_row(
    sums: Sums, name: str, grouping: Grouping, *, expanded: bool, marked: int, coverage_known: bool
) -> GroupRow:
    """The row of a group whose members come to these sums."""
    return GroupRow(
        name=name,
        grouping=grouping,
        agents=sums.agents,
        expanded=expanded,
        running=sums.running,
        halted=sums.halted,
        halting=sums.halting,
        uncovered=sums.uncovered if coverage_known else 0,
        health=dict(zip(HEALTHS, sums.health, strict=True)),
        marked=marked,
    )
