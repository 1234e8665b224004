"""What the app knows: the rows of the fleet, every halt, what each platform shows. Fed with events; no Textual here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from killswitch_console.authority.invoker import Invoker
from killswitch_console.halting.events import EngineEvent, FleetChanged, HaltBegun, HaltEnded, TargetsMoved, Warned
from killswitch_console.halting.slo import Objectives
from killswitch_console.tui.halt_book import HaltBook
from killswitch_console.tui.model import FleetModel
from killswitch_inventory.agents import AgentKey
from killswitch_inventory.fleet import BackendView, Sightedness


@dataclass(slots=True)
class ConsoleState:
    """Everything that any screen shows. The app's loop owns it; the engine's thread never touches it."""

    environment: str
    invoker: Invoker
    objectives: Objectives = field(default_factory=Objectives)
    fleet: FleetModel = field(default_factory=FleetModel)
    book: HaltBook = field(default_factory=HaltBook)
    backends: tuple[BackendView, ...] = ()
    problem: str = ""
    """Why the engine cannot work at all, if so."""
    changed_agents: set[AgentKey] = field(default_factory=set)
    """Agents that changed with the last events."""

    def apply(self, events: Iterable[EngineEvent]) -> list[str]:
        """Take events in; return what a person must be told at once."""
        said: list[str] = []
        self.changed_agents = set()
        for event in events:
            match event:
                case FleetChanged():
                    self.fleet.apply(event.agents, event.gone)
                    self.backends = event.backends
                    self.changed_agents |= {agent.key for agent in event.agents} | set(event.gone)
                case HaltBegun():
                    self.book.begin(event.record)
                case TargetsMoved():
                    self.book.move(event.halt_id, event.targets)
                case HaltEnded():
                    self.book.end(event.record)
                case Warned():
                    self._warn(event)
                    said.append(event.text)
        self.fleet.set_halting(self.book.halting())
        return said

    def _warn(self, event: Warned) -> None:
        if event.halt_id is not None and (halt := self.book.get(event.halt_id)) is not None:
            halt.warn((event.text,))

    @property
    def listing(self) -> list[BackendView]:
        """Platforms whose first whole listing is still under way."""
        return [v for v in self.backends if v.sightedness in (Sightedness.WAITING, Sightedness.LISTING)]

    @property
    def busy(self) -> bool:
        """Whether a halt or a restore is under way."""
        return bool(self.book.asked or self.book.under_way())
