"""What the engine tells its faces: frozen, complete in themselves, safe to hand to another thread."""

from __future__ import annotations

from dataclasses import dataclass

from killswitch_console.halting.progress import TargetProgress
from killswitch_console.halting.record import HaltRecord
from killswitch_inventory.agents import Agent, AgentKey
from killswitch_inventory.fleet import BackendView


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


EngineEvent = FleetChanged | HaltBegun | TargetsMoved | HaltEnded | Warned
