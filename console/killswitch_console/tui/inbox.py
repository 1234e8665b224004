"""Events on their way from the engine's thread to the screen's loop: merged while they wait, so that none pile up.

The engine never waits for the screen: putting an event in takes a lock for a moment and wakes the loop at most once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from killswitch_console.halting.events import (
    EngineEvent,
    Fight,
    FleetChanged,
    HaltBegun,
    HaltEnded,
    HoldChanged,
    OpenHalts,
    Reasserted,
    Revived,
    TargetsMoved,
    Warned,
)
from killswitch_console.halting.progress import TargetProgress
from killswitch_inventory.agents import Agent, AgentKey
from killswitch_inventory.sightedness import BackendView
from killswitch_inventory.targets import TargetId

MOST_WARNINGS = 100
"""Warnings that may wait at most; the records hold them all."""


class Inbox:
    """Takes events from any thread, gives the latest of everything to one loop."""

    def __init__(self, wake: Callable[[], None]) -> None:
        """Start empty; ``wake`` is called, in the thread that puts, when something is first there to be taken."""
        self._wake = wake
        self._lock = threading.Lock()
        self._awake = False
        self.urgent = False
        """Whether something waits that must not: a beginning, an end, a revival, a warning; numbers that move may."""
        self._agents: dict[AgentKey, Agent] = {}
        self._gone: set[AgentKey] = set()
        self._whole: FleetChanged | None = None
        """The first change of the fleet, as long as it waits alone."""
        self._backends: tuple[BackendView, ...] | None = None
        self._records: dict[str, list[HaltBegun | HaltEnded]] = {}
        self._moved: dict[str, dict[TargetId, TargetProgress]] = {}
        self._warned: list[Warned] = []
        self._open: OpenHalts | None = None
        self._latest: dict[tuple[object, ...], EngineEvent] = {}
        """Of what a hold tells: the latest of a kind about a target or a halt, in the order in which they came."""

    def put(self, event: EngineEvent) -> None:
        """Take an event in; never waits for whoever takes it out."""
        urgent = not isinstance(event, FleetChanged | TargetsMoved)
        with self._lock:
            self._merge(event)
            wake = not self._awake or (urgent and not self.urgent)
            self._awake, self.urgent = True, self.urgent or urgent
        if wake:
            self._wake()

    def _merge(self, event: EngineEvent) -> None:
        match event:
            case FleetChanged() if self._backends is None:
                self._whole, self._backends = event, event.backends  # most wait alone: nothing to merge
            case FleetChanged():
                self._unfold()
                self._agents.update({agent.key: agent for agent in event.agents})
                self._gone.difference_update(agent.key for agent in event.agents)
                for key in event.gone:
                    self._agents.pop(key, None)
                self._gone.update(event.gone)
                self._backends = event.backends
            case HaltBegun() | HaltEnded():
                halt_id = event.record.header.halt_id
                self._moved.pop(halt_id, None)  # the record says it all
                self._records.setdefault(halt_id, []).append(event)
            case TargetsMoved():
                self._moved.setdefault(event.halt_id, {}).update({t.target: t for t in event.targets})
            case Warned():
                self._warned = [*self._warned, event][-MOST_WARNINGS:]
            case OpenHalts():
                self._open = event
            case Revived() | Reasserted() | Fight():
                self._keep((type(event), event.halt_id, event.target), event)
            case HoldChanged():
                self._keep((HoldChanged, event.halt_id), event)
            case _:
                self._keep((event,), event)

    def _unfold(self) -> None:
        """Take the first change apart, so that a second one can be merged with it."""
        if (first := self._whole) is not None:
            self._whole = None
            self._agents = {agent.key: agent for agent in first.agents}
            self._gone = set(first.gone)

    def _keep(self, about: tuple[object, ...], event: EngineEvent) -> None:
        self._latest.pop(about, None)
        self._latest[about] = event

    def take(self) -> list[EngineEvent]:
        """Everything that waits, merged, in an order that makes sense; nothing waits then."""
        with self._lock:
            events: list[EngineEvent] = []
            if self._whole is not None:
                events.append(self._whole)
            elif self._backends is not None:
                events.append(FleetChanged(tuple(self._agents.values()), tuple(self._gone), self._backends))
            if self._open is not None:
                events.append(self._open)
            for records in self._records.values():
                events += records
            events += [TargetsMoved(halt_id, tuple(moved.values())) for halt_id, moved in self._moved.items()]
            events += self._latest.values()
            events += self._warned
            self._agents, self._gone, self._backends, self._whole = {}, set(), None, None
            self._records, self._moved, self._warned = {}, {}, []
            self._open, self._latest = None, {}
            self._awake = self.urgent = False
            return events
