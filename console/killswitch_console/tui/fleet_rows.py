"""What a row of the fleet's tree says: a group summed up, or one agent. Frozen, made for the rows that are painted."""

from __future__ import annotations

from dataclasses import dataclass

from killswitch_console.tui.fleet_groups import Grouping
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
