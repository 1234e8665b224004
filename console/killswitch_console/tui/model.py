"""The fleet as the tree shows it: columns and incremental roll-ups, fit for 100,000 agents. No Textual here.

One slot per agent in flat columns; a change costs what it touches, never the size of the fleet. What a screen needs
beyond a row (bindings, instances) it asks of the engine for one agent at a time. Only open groups have rows to count.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate

from killswitch_console.tui.fleet_groups import HEALTH_CODE, HEALTHS, Group
from killswitch_console.tui.ordering import natural
from killswitch_inventory.agents import Agent, AgentKey, Health
from killswitch_inventory.targets import Layer

_LAYER_BIT = {layer: 1 << number for number, layer in enumerate(Layer)}
_UNCOVERED, _HALTED, _HALTING = 8, 16, 32


class Grouping(StrEnum):
    """What the tree groups agents by."""

    CLASS = "class"
    TENANT = "tenant"


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


Node = AgentKey | str
"""What a row stands for, whatever row it is in now: an agent, or a group by its name."""


class FleetModel:
    """All agents by groups, and the rows of those groups that are open."""

    def __init__(self, grouping: Grouping = Grouping.CLASS) -> None:
        self.grouping = grouping
        self._slots: dict[AgentKey, int] = {}
        self._free: list[int] = []
        self._keys: list[AgentKey | None] = []
        self._order: list[str] = []
        self._health = bytearray()
        self._flags = bytearray()
        self._running = array("I")
        self._halting: frozenset[AgentKey] = frozenset()
        self._groups: dict[str, Group] = {}
        self._sorted: list[Group] = []
        self._tops: list[int] = [0]
        self._coverage_known = True
        self.restructured = True
        """Whether rows moved since ``settle``; else only the rows of ``touched`` changed."""
        self.touched: set[Node] = set()

    def __len__(self) -> int:
        return len(self._slots)

    # -- taking changes in -----------------------------------------------------------------------------------------

    def apply(self, agents: Iterable[Agent], gone: Iterable[AgentKey]) -> None:
        """Take in agents that are new or changed, and forget those that are gone."""
        arriving: defaultdict[str, list[int]] = defaultdict(list)
        leaving: defaultdict[str, list[int]] = defaultdict(list)
        for agent in agents:
            slot = self._slots.get(agent.key)
            fresh = slot is None
            if slot is None:
                slot = self._take_slot(agent.key)
                arriving[self._group_name(agent.key)].append(slot)
            self._set(slot, agent, fresh=fresh)
        for key in gone:
            if (slot := self._slots.get(key)) is not None:
                self._count(slot, -1)
                leaving[self._group_name(key)].append(slot)
        self._move(arriving, leaving)

    def _take_slot(self, key: AgentKey) -> int:
        if self._free:
            slot = self._free.pop()
        else:
            slot = len(self._keys)
            self._keys.append(None)
            self._order.append("")
            self._health.append(0)
            self._flags.append(0)
            self._running.append(0)
        self._keys[slot], self._order[slot] = key, _order(key)
        self._health[slot] = self._running[slot] = 0
        self._flags[slot] = _HALTING if key in self._halting else 0
        self._slots[key] = slot
        return slot

    def _set(self, slot: int, agent: Agent, *, fresh: bool) -> None:
        """Store an agent's new values, keeping its group's sums right; a fresh one was not counted yet."""
        flags = self._flags[slot] & _HALTING
        for layer in agent.layers:
            flags |= _LAYER_BIT[layer]
        flags |= (_UNCOVERED if agent.uncovered else 0) | (_HALTED if agent.halted else 0)
        health, running = HEALTH_CODE[agent.health], min(agent.concurrency, 0xFFFFFFFF)
        if not fresh:
            if (flags, health, running) == (self._flags[slot], self._health[slot], self._running[slot]):
                return
            self._count(slot, -1)
        self._flags[slot], self._health[slot], self._running[slot] = flags, health, running
        self._count(slot, 1)
        if not fresh:
            self.touched |= {agent.key, self._group_name(agent.key)}

    def _count(self, slot: int, sign: int) -> None:
        """Count an agent's values into its group (1) or out of it (-1)."""
        key = self._keys[slot]
        assert key is not None  # noqa: S101
        group = self._group(self._group_name(key))
        flags = self._flags[slot]
        group.health[self._health[slot]] += sign
        group.running += sign * self._running[slot]
        group.uncovered += sign * bool(flags & _UNCOVERED)
        group.halted += sign * bool(flags & _HALTED)
        group.halting += sign * bool(flags & _HALTING)

    def _move(self, arriving: dict[str, list[int]], leaving: dict[str, list[int]]) -> None:
        if not arriving and not leaving:
            return
        for name, slots in leaving.items():
            self._groups[name].remove(slots, self._order.__getitem__)
        for name, slots in arriving.items():
            self._groups[name].add(slots, self._order.__getitem__)
        for slots in leaving.values():
            self._release(slots)
        if any(not self._groups[name].members for name in leaving):
            self._groups = {name: group for name, group in self._groups.items() if group.members}
            self._sort_groups()
        self._restructure()

    def _release(self, slots: list[int]) -> None:
        for slot in slots:
            key = self._keys[slot]
            if key is not None:
                del self._slots[key]
            self._keys[slot], self._order[slot] = None, ""
        self._free += slots

    def set_halting(self, halting: Collection[AgentKey]) -> None:
        """Say which agents a halt is under way on; all others are not."""
        before, self._halting = self._halting, frozenset(halting)
        for key in before ^ self._halting:
            if (slot := self._slots.get(key)) is not None:
                self._count(slot, -1)
                self._flags[slot] ^= _HALTING
                self._count(slot, 1)
                self.touched |= {key, self._group_name(key)}

    def judge_coverage(self, *, known: bool) -> None:
        """Say whether all that an agent may be bound to was listed; until then nothing is called not covered."""
        if known != self._coverage_known:
            self._coverage_known = known
            self.restructured = True

    # -- groups ----------------------------------------------------------------------------------------------------

    def _group_name(self, key: AgentKey) -> str:
        return key.agent_class if self.grouping is Grouping.CLASS else key.tenant

    def _group(self, name: str) -> Group:
        group = self._groups.get(name)
        if group is None:
            group = self._groups[name] = Group(name)
            self._sort_groups()
        return group

    def _sort_groups(self) -> None:
        self._sorted = sorted(self._groups.values(), key=lambda group: natural(group.name))

    def _restructure(self) -> None:
        """Count the rows anew: a step per group."""
        heights = (1 + (len(group.members) if group.expanded else 0) for group in self._sorted)
        self._tops = [0, *accumulate(heights)]
        self.restructured = True

    def regroup(self, grouping: Grouping) -> None:
        """Group by something else; all groups are closed then."""
        self.grouping = grouping
        self._groups = {}
        members: defaultdict[str, list[int]] = defaultdict(list)
        for key, slot in self._slots.items():
            members[self._group_name(key)].append(slot)
        self._groups = {name: Group(name) for name in members}
        for name, slots in members.items():
            self._groups[name].add(slots, self._order.__getitem__)
            for slot in slots:
                self._count(slot, 1)
        self._sort_groups()
        self._restructure()

    def expand(self, name: str, *, on: bool) -> None:
        """Open or close one group."""
        if (group := self._groups.get(name)) is not None and group.expanded != on:
            group.expanded = on
            self._restructure()

    def expand_all(self, *, on: bool) -> None:
        """Open or close every group."""
        for group in self._sorted:
            group.expanded = on
        self._restructure()

    # -- rows ------------------------------------------------------------------------------------------------------

    @property
    def row_count(self) -> int:
        """How many rows there are now."""
        return self._tops[-1]

    @property
    def group_count(self) -> int:
        """How many groups there are."""
        return len(self._sorted)

    def node(self, row: int) -> Node | None:
        """What stands in a row; None outside of the tree."""
        if not 0 <= row < self.row_count:
            return None
        index = bisect_right(self._tops, row) - 1
        group, offset = self._sorted[index], row - self._tops[index]
        return group.name if offset == 0 else self._keys[group.members[offset - 1]]

    def row_of(self, node: Node) -> int | None:
        """In which row something stands; a member of a closed group stands nowhere."""
        if isinstance(node, str):
            group, offset = self._groups.get(node), 0
        else:
            slot = self._slots.get(node)
            group = self._groups.get(self._group_name(node)) if slot is not None else None
            if slot is None or group is None or not group.expanded:
                return None
            offset = 1 + group.place(slot, self._order.__getitem__)
        if group is None:
            return None
        return self._tops[self._index_of(group)] + offset

    def _index_of(self, group: Group) -> int:
        key = natural(group.name)
        return bisect_right(self._sorted, key, key=lambda g: natural(g.name)) - 1

    def group_of(self, node: Node) -> str:
        """The name of the group that a node belongs to, or is."""
        return node if isinstance(node, str) else self._group_name(node)

    def show(self, node: Node) -> GroupRow | AgentRow | None:
        """All that a node's row says; None if it is not there (any more)."""
        if isinstance(node, str):
            group = self._groups.get(node)
            return None if group is None else self._group_row(group)
        slot = self._slots.get(node)
        return None if slot is None else self._agent_row(node, slot)

    def total(self) -> GroupRow:
        """The whole fleet, summed up over its groups."""
        groups = self._sorted
        return GroupRow(
            name="",
            grouping=self.grouping,
            agents=len(self._slots),
            expanded=True,
            running=sum(group.running for group in groups),
            halted=sum(group.halted for group in groups),
            halting=sum(group.halting for group in groups),
            uncovered=sum(group.uncovered for group in groups) if self._coverage_known else 0,
            health={h: sum(group.health[code] for group in groups) for code, h in enumerate(HEALTHS)},
        )

    def _group_row(self, group: Group) -> GroupRow:
        return GroupRow(
            name=group.name,
            grouping=self.grouping,
            agents=len(group.members),
            expanded=group.expanded,
            running=group.running,
            halted=group.halted,
            halting=group.halting,
            uncovered=group.uncovered if self._coverage_known else 0,
            health=dict(zip(HEALTHS, group.health, strict=True)),
        )

    def _agent_row(self, key: AgentKey, slot: int) -> AgentRow:
        flags = self._flags[slot]
        return AgentRow(
            key=key,
            health=HEALTHS[self._health[slot]],
            running=self._running[slot],
            layers=tuple(layer for layer, bit in _LAYER_BIT.items() if flags & bit),
            uncovered=self._coverage_known and bool(flags & _UNCOVERED),
            halted=bool(flags & _HALTED),
            halting=bool(flags & _HALTING),
        )

    def settle(self) -> tuple[bool, set[Node]]:
        """Take note that what changed so far has been painted; return what that was."""
        changed = self.restructured, self.touched
        self.restructured, self.touched = False, set()
        return changed


def _order(key: AgentKey) -> str:
    """What an agent is ordered by within any group: a text no other agent has."""
    return "\0".join((natural(key.name)[0], key.name, key.agent_class, key.tenant))
