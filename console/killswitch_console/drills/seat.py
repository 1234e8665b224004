"""The responder's seat: the very same engine, on the drill's configuration and clock, and what a drill hears of it.

What the engine records and publishes becomes events of the drill here; nothing is asked of the engine that another
face could not ask. Its trail is a drill's own, in the drill's folder, with a key of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from killswitch_backends.protocol import LabelKeys, Surroundings
from killswitch_console.assembling import engine_settings
from killswitch_console.audit.assembling import new_session, screen_opener, trail_recorder
from killswitch_console.audit.scrubbing import Scrubber
from killswitch_console.authority.glass_settings import GlassSettings
from killswitch_console.authority.invoker import Invoker, current_invoker
from killswitch_console.config import Configuration, load_configuration
from killswitch_console.drills.clock import DrillClock
from killswitch_console.halting.engine import Engine, open_engine
from killswitch_console.halting.events import EngineEvent, HaltEnded, Reasserted, Revived
from killswitch_console.halting.progress import TargetState
from killswitch_console.halting.record import HaltRecord
from killswitch_console.halting.recording import Recorder, RecordingNeeded, Warn
from killswitch_console.halting.sighting import Opener
from killswitch_console.halting.verdict import AgentState
from killswitch_console.notify.notice import silent
from killswitch_console.vault.references import resolve_secret
from killswitch_inventory.targets import BackendRef, Layer

if TYPE_CHECKING:
    from killswitch_console.halting.settings import EngineSettings

Hear = Callable[[str, Mapping[str, Any], Mapping[str, Any]], None]
"""Takes an event's name, its facts and what was measured."""

_TOLD: Final = ("plan.shown", "action.refused", "halt.confirmed", "halt.ended", "restore.confirmed", "restore.ended")
"""Events of the trail that are events of the drill, under the same name."""

FULL_DISK: Final = "no space left on device (the drill fills the trail's disk)"


class DrillTrail:
    """The engine's recorder in a drill: passes everything on, tells the drill, and is full when an inject says so."""

    def __init__(self, inner: Recorder, hear: Hear, warn: Warn) -> None:
        self._inner, self._hear, self._warn = inner, hear, warn
        self.full = False
        self._kept_back: list[tuple[str, Mapping[str, Any], str | None]] = []

    def note(self, kind: str, data: Mapping[str, Any], *, halt_id: str | None = None) -> None:
        """See ``Recorder``."""
        self._tell(kind, data, halt_id)
        if not self._keep_back(kind, data, halt_id):
            self._inner.note(kind, data, halt_id=halt_id)

    async def record(self, kind: str, data: Mapping[str, Any], *, halt_id: str | None = None) -> None:
        """See ``Recorder``."""
        self._tell(kind, data, halt_id)
        if not self._keep_back(kind, data, halt_id):
            await self._inner.record(kind, data, halt_id=halt_id)

    async def require(self, kind: str, data: Mapping[str, Any], *, halt_id: str | None = None) -> None:
        """See ``Recorder``."""
        if self.full:
            self._hear("action.refused", {"action": kind}, {"why": FULL_DISK})
            raise RecordingNeeded(f"the audit trail cannot be written ({FULL_DISK}); nothing was changed")
        self._tell(kind, data, halt_id)
        await self._inner.require(kind, data, halt_id=halt_id)

    def fill(self) -> None:
        """From now on the disk is full."""
        self.full = True

    def empty(self) -> None:
        """There is room again: what was kept back is written, with a gap that says so."""
        self.full = False
        late, self._kept_back = self._kept_back, []
        if late:
            self._inner.note("audit.gap", {"why": FULL_DISK, "events": len(late)})
        for kind, data, halt_id in late:
            self._inner.note(kind, data, halt_id=halt_id)

    def _keep_back(self, kind: str, data: Mapping[str, Any], halt_id: str | None) -> bool:
        if not self.full:
            return False
        if not self._kept_back:
            self._warn(f"the audit trail cannot be written: {FULL_DISK}; the halt goes on")
            self._hear("trail.trouble", {}, {"why": FULL_DISK})
        self._kept_back.append((kind, data, halt_id))
        return True

    def _tell(self, kind: str, data: Mapping[str, Any], halt_id: str | None) -> None:
        if kind not in _TOLD:
            return
        facts = {name: data[name] for name in ("scope", "verdict", "action", "profile") if data.get(name) is not None}
        measured: dict[str, Any] = {"halt": halt_id}
        measured |= {name: data[name] for name in _MEASURED if name in data}
        if kind in ("halt.ended", "restore.ended"):
            return  # told with its claims, when the engine publishes the record
        self._hear(kind, facts, measured)


_MEASURED: Final = ("reason", "incident", "slo_ms", "collateral", "why", "confirmation")


class Listener:
    """Turns what the engine publishes into events of the drill."""

    def __init__(self, hear: Hear) -> None:
        self._hear = hear
        self._ends: set[tuple[str, datetime | None, datetime | None]] = set()

    def __call__(self, event: EngineEvent) -> None:
        """Hear one event of the engine."""
        match event:
            case HaltEnded():
                self._ended(event.record)
            case Revived():
                self._hear("target.revived", {"target": str(event.target)}, {"halt": event.halt_id, "by": event.by})
            case Reasserted():
                measured = {"halt": event.halt_id, "seconds": event.seconds}
                self._hear("target.reasserted", {"target": str(event.target)}, measured)
            case _:
                return

    def _ended(self, record: HaltRecord) -> None:
        header = record.header
        end = (header.halt_id, record.ended_at, record.restored_at)
        if end in self._ends:  # whoever follows the ledger publishes it once more
            return
        self._ends.add(end)
        facts: dict[str, Any] = {"scope": str(header.scope), "verdict": str(record.verdict)}
        if record.restored_at is not None:
            self._hear("restore.ended", facts, {"halt": header.halt_id, "targets": _states(record)})
            return
        for layer in dict.fromkeys(t.layer for t in record.targets):
            targets = [t for t in record.targets if t.layer is layer]
            stopped = [t.stopped_at for t in targets if t.state is TargetState.STOPPED and t.stopped_at]
            if len(stopped) == len(targets):
                seconds = (max(stopped) - header.invoked_at).total_seconds()
                about = {"scope": str(header.scope), "layer": str(layer)}
                self._hear("layer.stopped", about, {"halt": header.halt_id, "seconds": seconds})
        ended = record.ended_at or header.invoked_at
        measured = {
            "halt": header.halt_id,
            "elapsed": record.elapsed(ended),
            "slo": header.slo_seconds,
            "slo_met": record.slo_met(ended),
            "claims": claims(record),
            "backends": _proofs(record),
            "targets": _states(record),
            "collateral": [str(c.target) for c in header.collateral],
        }
        self._hear("halt.ended", facts, measured)


def claims(record: HaltRecord) -> dict[str, float]:
    """When the console had proof that each stopped agent of a halt had stopped: seconds since the epoch."""
    found: dict[str, float] = {}
    for outcome in record.agents:
        if outcome.state is not AgentState.STOPPED:
            continue
        proofs = [
            t.stopped_at.timestamp()
            for t in record.targets
            if outcome.key in t.agents and t.layer is not Layer.CAPABILITY and t.stopped_at
        ]
        if proofs:
            found[outcome.key.name] = max(proofs)
    return found


def _proofs(record: HaltRecord) -> dict[str, float | None]:
    """Seconds until the last target of each kind of backend was proven; None while one is not."""
    found: dict[str, float | None] = {}
    for kind in sorted({t.target.backend.kind for t in record.targets}):
        at = [t.stopped_at for t in record.targets if t.target.backend.kind == kind]
        proven = [moment for moment in at if moment is not None]
        seconds = (max(proven) - record.header.invoked_at).total_seconds() if len(proven) == len(at) else None
        found[kind] = seconds
    return found


def _states(record: HaltRecord) -> dict[str, str]:
    return {str(t.target): str(t.state) for t in record.targets}


class Seat:
    """An open seat. Use ``taking_seat``."""

    def __init__(self, engine: Engine, trail: DrillTrail, clock: DrillClock) -> None:
        self.engine, self.trail, self.clock = engine, trail, clock
        self.environment = engine.settings.environment
        self.invoker: Invoker = current_invoker()


@dataclass(frozen=True, slots=True)
class DrillSettings:
    """An engine's settings in a drill, and where its trail turns up once that is open."""

    engine: EngineSettings
    trails: list[DrillTrail]


def drill_settings(configuration: Configuration, clock: DrillClock, hear: Hear) -> DrillSettings:
    """A configuration's engine settings, on drill time, with a drill's trail.

    Nobody outside is told and no vault can be opened, whatever the configuration names: safety rule 8.
    """
    settings, trails = engine_settings(configuration), list[DrillTrail]()
    document = configuration.document
    labels, scrubber = document.labels, Scrubber()
    keys = LabelKeys(labels.agent, labels.agent_class, labels.tenant, labels.canary)
    surroundings = Surroundings(document.environment, keys, scrubber.listening(resolve_secret), clock.moment)
    openers: dict[BackendRef, Opener] = {
        BackendRef(table.kind.kind, table.name): partial(table.kind.open, table.settings, surroundings)
        for table in configuration.backends
    }

    session = replace(new_session(configuration, scrubber), drill=True, command="drill")

    @asynccontextmanager
    async def recorder(warn: Warn) -> AsyncIterator[Recorder]:
        async with trail_recorder(configuration, session, warn) as inner:
            trails.append(DrillTrail(inner, hear, warn))
            yield trails[-1]

    pinned = replace(
        settings,
        openers=openers,
        recorder=recorder,
        screen=screen_opener(configuration, session),
        drill=True,
        notifier=silent,
        glass=GlassSettings(),
    )
    return DrillSettings(pinned, trails)


@asynccontextmanager
async def taking_seat(
    config: Path, clock: DrillClock, hear: Hear, publish: Callable[[EngineEvent], None] = lambda _: None
) -> AsyncIterator[Seat]:
    """Open the engine of a drill in this loop, holding what it halts as the console does."""
    configuration = await asyncio.to_thread(load_configuration, config)
    async with opened_seat(drill_settings(configuration, clock, hear), clock, hear, publish) as seat:
        yield seat


@asynccontextmanager
async def opened_seat(
    settings: DrillSettings,
    clock: DrillClock,
    hear: Hear,
    publish: Callable[[EngineEvent], None] = lambda _: None,
    *,
    hold: bool = True,
) -> AsyncIterator[Seat]:
    """Open an engine in a drill; ``hold``: it keeps every halt of its ledger in force, which are all the drill's."""
    listener = Listener(hear)

    def tell(event: EngineEvent) -> None:
        listener(event)
        publish(event)

    async with open_engine(settings.engine, tell, clock.moment, ledger_required=True) as engine:
        await engine.discover()
        holding = asyncio.create_task(engine.hold(), name="hold") if hold else None
        try:
            yield Seat(engine, settings.trails[0], clock)
        finally:
            if holding is not None:
                holding.cancel()
                with suppress(asyncio.CancelledError):
                    await holding
