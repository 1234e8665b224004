"""What the engine's works share: the open backends, the fleet, the ledger, the leases, and who must be told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from killswitch_backends.protocol import Backend
from killswitch_console.halting.board import Publish
from killswitch_console.halting.lease import Leases
from killswitch_console.halting.ledger import Ledger
from killswitch_console.halting.plan import PlannedTarget, Protection, Untouched
from killswitch_console.halting.recording import Recorder
from killswitch_inventory.fleet import Fleet
from killswitch_inventory.targets import BackendRef

Sparing = Callable[[Sequence[PlannedTarget]], Awaitable[tuple[Untouched, ...]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """One engine's means; they live as long as it does."""

    fleet: Fleet
    backends: Mapping[BackendRef, Backend]
    """The backends that are open now: it changes when one is opened anew."""
    ledger: Ledger | None
    leases: Leases
    publish: Publish
    now: Callable[[], datetime]
    recorder: Recorder
    protection: Protection
    environment: str
    sparing: Sparing
    """Finds what may not be halted, because the operator would be locked out for good."""
