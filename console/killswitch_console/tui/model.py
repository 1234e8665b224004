"""The fleet as the tree shows it: rows of groups and agents, fit for 100,000 agents. No Textual here.

A change costs what it touches, never the size of the fleet. Only open groups have rows to count, and only groups whose
members are looked at are sorted. What a screen needs beyond a row (bindings, instances) it asks of the engine.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice

from killswitch_console.tui.fleet_columns import HALTING, FleetColumns, Values
from killswitch_console.tui.fleet_filter import Filter
from killswitch_console.tui.fleet_groups import Group, Grouping, Sums
from killswitch_console.tui.fleet_layout import Layout
from killswitch_console.tui.fleet_membership import group_names
from killswitch_console.tui.fleet_problems import problem_after
from killswitch_console.tui.fleet_rows import AgentRow, GroupRow, Node, agent_row, group_row
from killswitch_console.tui.ordering import natural
from killswitch_inventory.agents import Agent, AgentKey

__all__ = ["AgentRow", "FleetModel", "GroupRow", "Grouping", "Node"]


class FleetModel:
    """All agents by groups, as far as the filter lets them through, and the rows of those groups that are open."""

    def __init__(self, grouping: Grouping = Grouping.CLASS) -> None:
        self.grouping = grouping
        self.filter = Filter()
        self.marked: set[AgentKey] = set()
        """Agents that a person marked; those that go are marked no more."""
        self._columns = FleetColumns()
        self._halting: frozenset[AgentKey] = frozenset()
        self._all = Sums()
        self._groups: dict[str, Group] = {}
        self._layout = Layout()
        self.restructured = True
        """Whether rows moved since ``settle``; else only the rows of ``touched`` changed."""
        self.touched: set[Node] = set()

    def __len__(self) -> int:
        return len(self._columns.slots)

    @property
    def shown(self) -> int:
        """How many agents the filter lets through."""
        return sum(len(group.members) for group in self._layout.groups)

    # -- taking changes in -----------------------------------------------------------------------------------------

    def apply(self, agents: Iterable[Agent], gone: Iterable[AgentKey]) -> None:
        """Take in agents that are new or changed, and forget those that are gone."""
        columns, moves = self._columns, _Moves()
        agents = agents if isinstance(agents, Sequence) else list(agents)
        fresh: Sequence[Agent] = agents
        if slots := columns.slots:
            fresh = []
            for agent in agents:
                if (slot := slots.get(agent.key)) is None:
                    fresh.append(agent)
                else:
                    self._change(slot, columns.read(agent), moves)
        if fresh:
            self._arrive(fresh, moves)
        released = [columns.slots[key] for key in gone if key in columns.slots]
        for slot in released:
            self._leave(slot, moves)
        self._move(moves)
        columns.release(released)

    def _arrive(self, agents: Sequence[Agent], moves: _Moves) -> None:
        columns = self._columns
        slots = columns.add(agents)
        if self._halting:
            for slot in slots:
                columns.flags[slot] |= HALTING if columns.keys[slot] in self._halting else 0
        self._all.count_many(columns, slots)
        self._place(self.filter.passing(columns, slots) if self.filter else slots, moves)

    def _place(self, slots: list[int], moves: _Moves) -> None:
        """Have members arrive in the groups they belong to."""
        for slot, name in zip(slots, self._names(slots), strict=True):
            moves.arriving[name].append(slot)

    def _leave(self, slot: int, moves: _Moves) -> None:
        values = self._columns.values(slot)
        self._all.count(values, -1)
        self.marked.discard(self._columns.key(slot))
        if (name := self._where(slot)) is not None:
            self._groups[name].sums.count(values, -1)
            moves.leaving[name].append(slot)

    def _change(self, slot: int, values: Values, moves: _Moves) -> None:
        """Store new values of an agent, unless they are as they were."""
        before = self._columns.values(slot)
        if halting := before[0] & HALTING:
            values = (values[0] | halting, *values[1:])
        if values != before:
            self._write(slot, before, values, moves)

    def _write(self, slot: int, before: Values, values: Values, moves: _Moves) -> None:
        """Store new values of an agent; all sums stay right, and who changes the group is on the move."""
        columns = self._columns
        was_in = self._where(slot)
        self._all.shift(before, values)
        columns.flags[slot], columns.health[slot], columns.running[slot], columns.place[slot] = values
        is_in = self._where(slot)
        if was_in is not None and was_in == is_in:
            self._groups[was_in].sums.shift(before, values)
            self.touched.add(columns.key(slot))
            self.touched.add(was_in)
            return
        if was_in is not None:
            self._groups[was_in].sums.count(before, -1)
            moves.leaving[was_in].append(slot)
        if is_in is not None:
            moves.arriving[is_in].append(slot)

    def set_halting(self, halting: Collection[AgentKey]) -> None:
        """Say which agents a halt is under way on; all others are not."""
        if halting == self._halting:
            return
        before, self._halting = self._halting, frozenset(halting)
        columns, moves = self._columns, _Moves()
        for key in before ^ self._halting:
            if (slot := columns.slots.get(key)) is not None:
                now = columns.values(slot)
                self._write(slot, now, (now[0] ^ HALTING, *now[1:]), moves)
        self._move(moves)

    def _move(self, moves: _Moves) -> None:
        """Put members into their groups, and take out those whose sums were taken out already."""
        if not moves.leaving and not moves.arriving:
            return
        for name, slots in moves.leaving.items():
            self._groups[name].remove(slots, self._columns.order)
        for name, slots in moves.arriving.items():
            group = self._group(name)
            group.add(slots, self._columns.order)
            group.sums.count_many(self._columns, slots)
        if any(not self._groups[name].members for name in moves.leaving):
            self._groups = {name: group for name, group in self._groups.items() if group.members}
            self._sort_groups()
        self._restructure()

    def judge_coverage(self, *, known: bool) -> None:
        """Say whether all that an agent may be bound to was listed; until then nothing is called not covered."""
        if known != self._columns.coverage_known:
            self._columns.coverage_known = known
            if self.filter:
                self._regroup()
            self.restructured = True

    # -- groups ----------------------------------------------------------------------------------------------------

    def _where(self, slot: int) -> str | None:
        """The group that an agent is in now; None if the filter keeps it out."""
        if self.filter and not self.filter.passes(self._columns, slot):
            return None
        return self._name(slot)

    def _name(self, slot: int) -> str:
        if self.grouping is Grouping.CLASS:
            return self._columns.key(slot).agent_class  # looked up for every change of an agent
        return next(iter(self._names([slot])))

    def _names(self, slots: list[int]) -> Iterable[str]:
        """The names of the groups that agents belong to."""
        return group_names(self._columns, self.grouping, slots)

    def _group(self, name: str) -> Group:
        group = self._groups.get(name)
        if group is None:
            group = self._groups[name] = Group(name)
            self._sort_groups()
        return group

    def _sort_groups(self) -> None:
        self._layout.arrange(self._groups.values(), by_health=self.grouping is Grouping.HEALTH)

    def _restructure(self) -> None:
        self._layout.recount()
        self.restructured = True

    def regroup(self, grouping: Grouping) -> None:
        """Group by something else; all groups are closed then."""
        self.grouping = grouping
        self._layout.close_all()
        self._regroup()

    def filter_by(self, filter: Filter) -> None:  # noqa: A002
        """Let only those through that pass; matches are shown opened."""
        self._layout.filter(on=bool(filter))
        self.filter = filter
        self._regroup()

    def _regroup(self) -> None:
        """Put every agent that passes into its group: a few steps per agent."""
        self._groups, moves = {}, _Moves()
        slots = list(self._columns.slots.values())
        self._place(self.filter.passing(self._columns, slots) if self.filter else slots, moves)
        for name, members in moves.arriving.items():
            group = self._groups[name] = Group(name)
            group.members = members
            group.sums.count_many(self._columns, members)
        self._sort_groups()
        self._restructure()

    def expand(self, name: str, *, on: bool) -> None:
        """Open or close one group."""
        if name in self._groups and self._layout.is_open(name) != on:
            self._layout.turn(name)
            self._restructure()

    def expand_all(self, *, on: bool) -> None:
        """Open or close every group."""
        self._layout.turn_all(on=on)
        self._restructure()

    # -- rows ------------------------------------------------------------------------------------------------------

    @property
    def row_count(self) -> int:
        """How many rows there are now."""
        return self._layout.row_count

    @property
    def group_count(self) -> int:
        """How many groups there are."""
        return len(self._layout.groups)

    def node(self, row: int) -> Node | None:
        """What stands in a row; None outside of the tree."""
        if not 0 <= row < self.row_count:
            return None
        group, offset = self._layout.at(row)
        return group.name if offset == 0 else self._columns.keys[group.sorted(self._columns.order)[offset - 1]]

    def row_of(self, node: Node) -> int | None:
        """In which row something stands; what is filtered out, or in a closed group, stands nowhere."""
        if isinstance(node, str):
            group = self._groups.get(node)
            return None if group is None else self._layout.top_of(group)
        slot = self._columns.slots.get(node)
        name = self._where(slot) if slot is not None else None
        if slot is None or name is None or not self._layout.is_open(name):
            return None
        group = self._groups[name]
        return self._layout.top_of(group) + 1 + group.place(slot, self._columns.order)

    def group_of(self, node: Node) -> str:
        """The name of the group that a node belongs to (or would, if it were let through), or is."""
        if isinstance(node, str):
            return node
        slot = self._columns.slots.get(node)
        return "" if slot is None else self._name(slot)

    def members(self, name: str) -> Iterator[AgentKey]:
        """The agents of a group in their order, as far as the filter lets them through."""
        if (group := self._groups.get(name)) is not None:
            yield from (self._columns.key(slot) for slot in group.sorted(self._columns.order))

    def problem_after(self, node: Node | None, *, back: bool = False) -> AgentKey | None:
        """The next agent (or the one before) that is unwell or not covered, beginning again at the end."""
        name = "" if node is None else self.group_of(node)
        slot = self._columns.slots.get(node) if isinstance(node, AgentKey) else None
        found = problem_after(self._layout.groups, self._columns, self._groups.get(name), slot, back=back)
        return None if found is None else self._columns.key(found)

    def show(self, node: Node) -> GroupRow | AgentRow | None:
        """All that a node's row says; None if it is not there (any more)."""
        if isinstance(node, str):
            group = self._groups.get(node)
            return None if group is None else self._group_row(group)
        slot = self._columns.slots.get(node)
        return None if slot is None else agent_row(self._columns, node, slot, marked=node in self.marked)

    def classes_and_tenants(self) -> tuple[list[str], list[str]]:
        """All classes and all tenants of the fleet, in their order: a step per agent."""
        keys = self._columns.slots
        classes, tenants = {key.agent_class for key in keys}, {key.tenant for key in keys}
        return sorted(classes, key=natural), sorted(tenants, key=natural)

    def named_like(self, text: str, most: int) -> list[AgentKey]:
        """Agents with a text in their names, in their order, as many as that."""
        found = islice((key for key in self._columns.slots if text in key.name.lower()), most)
        return sorted(found, key=lambda key: natural(key.name))

    def running(self, node: Node) -> int | None:
        """How much runs of an agent or a group now; None if it is not there."""
        if isinstance(node, str):
            group = self._groups.get(node)
            return None if group is None else group.sums.running
        slot = self._columns.slots.get(node)
        return None if slot is None else self._columns.running[slot]

    def group_rows(self) -> list[GroupRow]:
        """All groups in their order, summed up."""
        return [self._group_row(group) for group in self._layout.groups]

    def by_class(self) -> list[GroupRow]:
        """All agents by class, summed up, whatever is filtered and however they are grouped: a few steps per agent."""
        whole = FleetModel()
        whole._columns = self._columns
        whole._regroup()
        return whole.group_rows()

    def group_names(self) -> list[str]:
        """The groups in their order."""
        return [group.name for group in self._layout.groups]

    def total(self) -> GroupRow:
        """The whole fleet, summed up, whatever the filter lets through."""
        return self._summed("", self._all, expanded=True, marked=len(self.marked))

    def _group_row(self, group: Group) -> GroupRow:
        marked = sum(self.group_of(key) == group.name for key in self.marked) if self.marked else 0
        return self._summed(group.name, group.sums, expanded=self._layout.is_open(group.name), marked=marked)

    def _summed(self, name: str, sums: Sums, *, expanded: bool, marked: int) -> GroupRow:
        known = self._columns.coverage_known
        return group_row(sums, name, self.grouping, expanded=expanded, marked=marked, coverage_known=known)

    # -- marks -----------------------------------------------------------------------------------------------------

    def mark(self, keys: Iterable[AgentKey], *, on: bool) -> None:
        """Mark agents, or mark them no more."""
        known = {key for key in keys if key in self._columns.slots}
        self.marked = self.marked | known if on else self.marked - known
        self.touched |= known
        self.touched |= {self.group_of(key) for key in known}

    def settle(self) -> tuple[bool, set[Node]]:
        """Take note that what changed so far has been painted; return what that was."""
        changed = self.restructured, self.touched
        self.restructured, self.touched = False, set()
        return changed


class _Moves:
    """Members on their way into groups and out of them, by the groups' names."""

    def __init__(self) -> None:
        self.arriving: defaultdict[str, list[int]] = defaultdict(list)
        self.leaving: defaultdict[str, list[int]] = defaultdict(list)
