"""What the app knows: the rows of the fleet, every halt, what each platform shows. Fed with events; no Textual here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from killswitch_console.authority.invoker import Invoker
from killswitch_console.authority.opening import Opening
from killswitch_console.config import Configuration
from killswitch_console.halting.events import (
    Adopted,
    ApprovalGiven,
    EngineEvent,
    FleetChanged,
    GlassChanged,
    HaltBegun,
    HaltEnded,
    HoldChanged,
    Identified,
    OpenHalts,
    TargetsMoved,
    Warned,
)
from killswitch_console.halting.record import HaltHeader
from killswitch_console.halting.slo import Objectives
from killswitch_console.tui.halt_book import HaltBook
from killswitch_console.tui.history import History
from killswitch_console.tui.log_book import LogBook
from killswitch_console.tui.model import FleetModel
from killswitch_inventory.agents import AgentKey
from killswitch_inventory.scopes import ScopeKind
from killswitch_inventory.sightedness import BackendView, Sightedness
from killswitch_inventory.targets import BackendRef, Layer

COVERAGE_COMES: Final = "coverage …"
"""Said of coverage while a platform is still to be listed."""


@dataclass(slots=True)
class ConsoleState:
    """Everything that any screen shows. The app's loop owns it; the engine's thread never touches it."""

    environment: str
    invoker: Invoker
    objectives: Objectives = field(default_factory=Objectives)
    layers: Mapping[str, Layer] = field(default_factory=dict)
    """The layer of each kind of backend, as far as it is known."""
    fleet: FleetModel = field(default_factory=FleetModel)
    book: HaltBook = field(default_factory=HaltBook)
    two_person: frozenset[ScopeKind] = frozenset()
    """Scopes whose restore takes two people."""
    drill: bool = False
    """Whether all of this is a drill."""
    read_only: bool = False
    """Whether nothing can be changed from here: the engine's port refuses it, whatever a screen does."""
    state_dir: Path | None = None
    """Where to keep what is known for the next session; None: nowhere."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """The user's own keys, by the ids of bindings."""
    configuration: Configuration | None = None
    """What the console was started with; None where there is none (tests, and faces of an engine made by hand)."""
    glass: Opening | None = None
    """Break-glass credentials that are open now."""
    introduced: Identified | None = None
    """Who this session is to its platforms, once they answered."""
    backends: tuple[BackendView, ...] = ()
    problem: str = ""
    """Why the engine cannot work at all, if so."""
    history: History = field(default_factory=History)
    """How much ran lately."""
    log: LogBook = field(default_factory=LogBook)
    """What was told."""
    _latest: tuple[FleetChanged, ...] = ()
    """What was told of the fleet last."""
    _listed: set[BackendRef] = field(default_factory=set)
    """Backends that gave a whole listing at some time."""

    def apply(self, events: Iterable[EngineEvent]) -> list[str]:
        """Take events in; return what a person must be told at once."""
        said: list[str] = []
        events = list(events)
        self._latest = tuple(event for event in events if isinstance(event, FleetChanged))
        for event in events:
            match event:
                case FleetChanged():
                    self.fleet.apply(event.agents, event.gone)
                    self._view(event.backends)
                case Warned():
                    self._warn(event)
                    said.append(event.text)
                case Identified():
                    self.introduced = event
                case GlassChanged():
                    self.glass = event.opening
                case OpenHalts():
                    said += [
                        f"a halt of another bastion is seen: {found.halt_id} by {found.invoker}"
                        for found in self.book.see_open(event)
                    ]
                case _:
                    self._apply_halt(event)
        self.fleet.set_halting(self.book.halting())
        return said

    def has_changed(self, key: AgentKey) -> bool:
        """Whether an agent changed with the last events."""
        name = key.name  # compared first: keys take a while, and nearly all differ here
        return any(
            key in event.gone or any(agent.key.name == name and agent.key == key for agent in event.agents)
            for event in self._latest
        )

    def _apply_halt(self, event: EngineEvent) -> None:
        """Take in what is about one halt."""
        match event:
            case HaltBegun():
                self.book.begin(event.record)
            case TargetsMoved():
                self.book.move(event.halt_id, event.targets)
            case HaltEnded():
                self.book.end(event.record)
            case HoldChanged():
                self.book.hold(event)
            case Adopted():
                if (halt := self.book.get(event.halt_id)) is not None:
                    halt.adopt(event)
            case ApprovalGiven():
                if (halt := self.book.get(event.halt_id)) is not None:
                    halt.approve((event.approval,))
            case _:
                return

    def _view(self, backends: tuple[BackendView, ...]) -> None:
        self.backends = backends
        self._listed |= {v.ref for v in backends if v.sightedness in (Sightedness.LIVE, Sightedness.STALE)}
        self.fleet.judge_coverage(known=not self.coverage_doubt)

    @property
    def coverage_doubt(self) -> str:
        """Why nobody can say yet which agents a halt would cover; empty once all platforms that count were listed."""
        unlisted = [
            view
            for view in self.backends
            if view.ref not in self._listed and self.layers.get(view.ref.kind) is not Layer.CAPABILITY
        ]
        failed = [str(view.ref) for view in unlisted if view.sightedness is Sightedness.FAILED]
        if not unlisted or not self.backends:
            return "" if self.backends else COVERAGE_COMES
        if len(failed) < len(unlisted):
            return COVERAGE_COMES
        return f"coverage unknown: {failed[0] if len(failed) == 1 else f'{len(failed)} platforms'} cannot be seen"

    def _warn(self, event: Warned) -> None:
        if event.halt_id is not None and (halt := self.book.get(event.halt_id)) is not None:
            halt.warn((event.text,))

    def takes_two(self, header: HaltHeader) -> bool:
        """Whether restoring a halt takes two people (the engine's desk decides; this says so before it is asked)."""
        widest = {ScopeKind.GLOBAL} if header.foreign else set()
        return bool(self.two_person & {header.scope.kind, *widest})

    @property
    def listing(self) -> list[BackendView]:
        """Platforms whose first whole listing is still under way."""
        return [v for v in self.backends if v.sightedness in (Sightedness.WAITING, Sightedness.LISTING)]

    @property
    def busy(self) -> bool:
        """Whether a halt or a restore is under way."""
        return bool(self.book.asked or self.book.under_way())
