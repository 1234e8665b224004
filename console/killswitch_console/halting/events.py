"""What the engine tells its faces: frozen, complete in themselves, safe to hand to another thread."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from killswitch_console.authority.invoker import Invoker
from killswitch_console.authority.opening import Opening
from killswitch_console.halting.approving import Approval
from killswitch_console.halting.foreign import ForeignHalt
from killswitch_console.halting.plan import Untouched
from killswitch_console.halting.progress import TargetProgress
from killswitch_console.halting.record import HaltRecord
from killswitch_inventory.agents import Agent, AgentKey
from killswitch_inventory.sightedness import BackendView
from killswitch_inventory.targets import TargetId


@dataclass(frozen=True, slots=True)
class FleetChanged:
    """Agents that are new or changed, agents that are gone, and what is known through each backend now."""

    agents: tuple[Agent, ...]
    gone: tuple[AgentKey, ...]
    backends: tuple[BackendView, ...]


@dataclass(frozen=True, slots=True)
class HaltBegun:
    """A halt (or the restore of one, see the record) was confirmed and is under way."""

    record: HaltRecord


@dataclass(frozen=True, slots=True)
class TargetsMoved:
    """Targets of a halt that moved since the last such event (coalesced, at most some tens of times a second)."""

    halt_id: str
    targets: tuple[TargetProgress, ...]


@dataclass(frozen=True, slots=True)
class HaltEnded:
    """A halt or a restore came to its end (proven, given up at its timeout, or all settled)."""

    record: HaltRecord


@dataclass(frozen=True, slots=True)
class Warned:
    """Something that a person must know although the work goes on."""

    text: str
    halt_id: str | None = None


@dataclass(frozen=True, slots=True)
class Revived:
    """Something made a halted target act again: show it at once, ring, put it on top."""

    halt_id: str
    target: TargetId
    at: datetime
    by: str
    """What the platform tells of who did it; may be empty, and may come later with ``TargetsMoved``."""
    count: int
    """How often that happened to this target in this halt."""


@dataclass(frozen=True, slots=True)
class Reasserted:
    """A revived target was halted again: the platform took it, which is no proof yet."""

    halt_id: str
    target: TargetId
    at: datetime
    seconds: float
    """Since the revival was seen."""


@dataclass(frozen=True, slots=True)
class Fight:
    """Something revives a target again and again. The hold goes on; a human must find out what it is and stop it."""

    halt_id: str
    target: TargetId
    count: int
    within_seconds: float
    by: str


@dataclass(frozen=True, slots=True)
class Adopted:
    """Agents that are new inside a halted scope: the hold halts them too (``left``: it cannot, and why)."""

    halt_id: str
    agents: tuple[AgentKey, ...]
    targets: tuple[TargetId, ...]
    left: tuple[Untouched, ...] = ()


@dataclass(frozen=True, slots=True)
class HoldChanged:
    """Whether this process holds a halt; ``why`` says why it does not any more."""

    halt_id: str
    holding: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class OpenHalts:
    """At the start, and whenever that changes: what is in force, unfinished first, and halts of other bastions."""

    halts: tuple[HaltRecord, ...]
    foreign: tuple[ForeignHalt, ...]


@dataclass(frozen=True, slots=True)
class ApprovalGiven:
    """A second person agreed to the restore of a halt."""

    halt_id: str
    approval: Approval


@dataclass(frozen=True, slots=True)
class SafeguardPassed:
    """A security event: somebody went past a safeguard, and says why."""

    halt_id: str
    what: str
    invoker: Invoker
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Identified:
    """Who this session is: the person, and what each platform calls them. At the start, and when credentials change."""

    invoker: Invoker
    mismatches: tuple[str, ...]
    """What does not fit the person's role, in words."""


@dataclass(frozen=True, slots=True)
class GlassChanged:
    """Break-glass credentials were opened, used or countersigned, or (None) sealed again, and why that."""

    opening: Opening | None
    why: str = ""


EngineEvent = (
    FleetChanged
    | HaltBegun
    | TargetsMoved
    | HaltEnded
    | Warned
    | Revived
    | Reasserted
    | Fight
    | Adopted
    | HoldChanged
    | OpenHalts
    | ApprovalGiven
    | SafeguardPassed
    | Identified
    | GlassChanged
)
