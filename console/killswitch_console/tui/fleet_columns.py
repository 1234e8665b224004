"""The fleet in flat columns, one slot per agent: 100,000 agents cost what their numbers cost. No Textual here."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from operator import attrgetter
from typing import Final

from killswitch_console.tui.ordering import natural
from killswitch_inventory.agents import Agent, AgentKey, Binding, Health
from killswitch_inventory.targets import BackendRef, Layer

HEALTHS: Final = tuple(Health)
"""Health by its code: what the columns store."""

LAYER_BIT: Final = {layer: 1 << number for number, layer in enumerate(Layer)}
UNCOVERED, HALTED, HALTING = 8, 16, 32
FLAGS: Final = UNCOVERED | HALTED | HALTING

_CODE_BY_ID: Final = {id(health): code for code, health in enumerate(HEALTHS)}
"""By identity: hashing a member of an enum runs Python code, 100,000 times for a listing."""

_SOUND: Final = LAYER_BIT[Layer.PROCESS] | LAYER_BIT[Layer.CREDENTIAL]
_PROCESS: Final = LAYER_BIT[Layer.PROCESS]

Values = tuple[int, int, int, int]
"""An agent as the columns hold it: flags, health, running, place."""

_MOST_RUNNING: Final = 0xFFFFFFFF

_RUNS: Final = Layer.PROCESS
_ACTS_AS: Final = Layer.CREDENTIAL
"""By names of their own: to look a member up in its class takes longer than all else that is done with an agent."""


class FleetColumns:
    """What is known of each agent, by slot."""

    def __init__(self) -> None:
        self.slots: dict[AgentKey, int] = {}
        self.keys: list[AgentKey | None] = []
        self.health = bytearray()
        self.flags = bytearray()
        self.running = array("I")
        self.place = array("H")
        """By number, the platform that runs it: the backend of its first process target, else of its first."""
        self.places: list[BackendRef | None] = [None]
        self.coverage_known = True
        """Whether all that an agent may be bound to was listed; until then nothing is called not covered."""
        self._order: list[str | None] = []
        self._free: list[int] = []
        self._last_place: tuple[BackendRef | None, int] = (None, 0)

    def add(self, agents: Sequence[Agent]) -> list[int]:
        """Take in agents that are not known yet; their slots."""
        first = len(self.keys)
        keys = [agent.key for agent in agents]
        slots = self._reused(keys) if self._free else list(range(first, first + len(keys)))
        if not self._free and slots and slots[-1] == first + len(keys) - 1 and slots[0] == first:
            self.slots.update(zip(keys, slots, strict=True))
            self._append(keys, agents)
        else:
            for key, slot, agent in zip(keys, slots, agents, strict=True):
                self.slots[key] = slot
                self.keys[slot], self._order[slot] = key, None
                self.flags[slot], self.health[slot], self.running[slot], self.place[slot] = self.read(agent)
        return slots

    def _reused(self, keys: list[AgentKey]) -> list[int]:
        """Slots for so many agents: free ones first, then fresh ones, which are made."""
        taken = [self._free.pop() for _ in range(min(len(keys), len(self._free)))]
        fresh = len(keys) - len(taken)
        first = len(self.keys)
        self.keys += [None] * fresh
        self._order += [None] * fresh
        self.health += bytes(fresh)
        self.flags += bytes(fresh)
        self.running.extend([0] * fresh)
        self.place.extend([0] * fresh)
        return [*taken, *range(first, first + fresh)]

    def _append(self, keys: list[AgentKey], agents: Sequence[Agent]) -> None:
        """Many at the end, column by column."""
        self.keys += keys
        self._order += [None] * len(keys)
        self.health += bytes(map(_CODE_BY_ID.__getitem__, map(id, map(attrgetter("health"), agents))))
        running = list(map(attrgetter("concurrency"), agents))
        self.running.extend(running if max(running) <= _MOST_RUNNING else [min(n, _MOST_RUNNING) for n in running])
        add_flags, add_place, bound = self.flags.append, self.place.append, self._bound
        for agent in agents:  # no list of pairs: so many at once make Python search everything for cycles
            flags, place = bound(agent)
            add_flags(flags)
            add_place(place)

    def values(self, slot: int) -> Values:
        """What is stored of an agent."""
        return self.flags[slot], self.health[slot], self.running[slot], self.place[slot]

    def read(self, agent: Agent) -> Values:
        """An agent as the columns hold it: flags, health, running, place."""
        flags, place = self._bound(agent)
        return flags, _CODE_BY_ID[id(agent.health)], min(agent.concurrency, _MOST_RUNNING), place

    def _bound(self, agent: Agent) -> tuple[int, int]:
        """Its flags and its place, by its bindings (see ``Agent.layers`` and ``Agent.uncovered``)."""
        bindings = agent.bindings
        if len(bindings) == 2 and bindings[0].layer is _RUNS and bindings[1].layer is _ACTS_AS:
            flags = _SOUND  # nearly every agent, and nothing else to find out
            runs_on: BackendRef | None = bindings[0].target.backend
        else:
            flags, runs_on = _combined(bindings)
        if agent.halted:
            flags |= HALTED
        known, number = self._last_place
        return flags, number if runs_on is known else self._number(runs_on)

    def _number(self, place: BackendRef | None) -> int:
        if place not in self.places:
            self.places.append(place)
        number = self.places.index(place)
        self._last_place = place, number
        return number

    def release(self, slots: list[int]) -> None:
        """Forget agents."""
        for slot in slots:
            if (key := self.keys[slot]) is not None:
                del self.slots[key]
            self.keys[slot] = self._order[slot] = None
        self._free += slots

    def key(self, slot: int) -> AgentKey:
        """Whose slot it is."""
        key = self.keys[slot]
        assert key is not None, slot  # noqa: S101  (a slot in use)
        return key

    def order(self, slot: int) -> str:
        """What an agent is ordered by within any group: a text no other agent has. Made when first needed."""
        order = self._order[slot]
        if order is None:
            key = self.key(slot)
            order = self._order[slot] = "\0".join((natural(key.name)[0], key.name, key.agent_class, key.tenant))
        return order


def _combined(bindings: Sequence[Binding]) -> tuple[int, BackendRef | None]:
    """The layers of some bindings as flags, and the backend of what runs, else of what there is."""
    flags = 0
    runs_on: BackendRef | None = None
    for binding in bindings:
        if binding.layer is Layer.PROCESS and not flags & _PROCESS:
            runs_on = binding.target.backend
        flags |= LAYER_BIT[binding.layer]
    if runs_on is None and bindings:
        runs_on = bindings[0].target.backend
    return flags if flags & _SOUND == _SOUND else flags | UNCOVERED, runs_on
