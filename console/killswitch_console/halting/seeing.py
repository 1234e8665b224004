"""What an engine sees, and whom it lets act: the fleet, the backends, the gate, the broken glass, the ledger's records.

The ground under ``engine.py``: nothing here changes a target.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

from killswitch_backends.protocol import Backend, Profile
from killswitch_console.authority.breakglass import Glass
from killswitch_console.authority.emergency_identity import carrying_break_glass, spare_break_glass
from killswitch_console.authority.gate import Gate
from killswitch_console.authority.introducing import Introducing
from killswitch_console.authority.invoker import Invoker
from killswitch_console.authority.opening import Opening
from killswitch_console.halting import happenings
from killswitch_console.halting.acting_as import with_identities
from killswitch_console.halting.board import Publish
from killswitch_console.halting.bypass_watch import BypassWatch
from killswitch_console.halting.events import EngineEvent, FleetChanged, GlassChanged, Identified, Warned
from killswitch_console.halting.holder import Holder
from killswitch_console.halting.last_known import FleetKeeper, LastKnown
from killswitch_console.halting.lease import Leases
from killswitch_console.halting.ledger import Ledger
from killswitch_console.halting.means import Means
from killswitch_console.halting.plan import Plan, PlannedTarget, Untouched
from killswitch_console.halting.planning import make_plan
from killswitch_console.halting.publishing import both, guarded
from killswitch_console.halting.record import HaltRecord
from killswitch_console.halting.recording import UNRECORDED, Recorder
from killswitch_console.halting.refusals import (
    LedgerNeeded,
    UnknownHalt,
)
from killswitch_console.halting.run import HaltRun
from killswitch_console.halting.settings import EngineSettings
from killswitch_console.halting.sight_notes import noting
from killswitch_console.halting.sighting import LONGEST_SECONDS, Opener, Sighter
from killswitch_console.notify.notice import SILENT, Notifier
from killswitch_console.vault.register import RegisterError
from killswitch_inventory.fleet import Fleet
from killswitch_inventory.scopes import Scope
from killswitch_inventory.targets import BackendRef


class Seeing:
    """The part of an engine that looks. Use ``engine.Engine``."""

    def __init__(
        self,
        settings: EngineSettings,
        ledger: Ledger | None,
        publish: Publish,
        now: Callable[[], datetime],
        recorder: Recorder = UNRECORDED,
        notifier: Notifier = SILENT,
    ) -> None:
        self.settings = settings
        self.ledger = ledger
        self.ledger_problem = ""
        """Why there is no ledger, in one line."""
        self.recorder = recorder
        self.notifier = notifier
        self._publish = noting(guarded(publish), recorder)
        self._now = now
        self._under_way = 0
        self._holder: Holder | None = None
        self._running: dict[str, HaltRun] = {}
        """The halts that run here, by id: what the ledger knows of them may be a second old."""
        fleet = Fleet(declared=settings.declared, backends=settings.openers, layers=settings.layers)
        last_known = LastKnown(settings.state_dir / "fleet")
        self.keeper = FleetKeeper(last_known, fleet, busy=self._busy)
        self._sighter = Sighter(fleet, settings.openers, both(self._publish, self._hear), now, last_known)
        self.means = self._make_means()
        self.gate = self._make_gate()
        self._introducing = self._make_introducing()
        self.bypasses = self._make_bypasses()
        self.glass = self._make_glass()

    def _make_means(self) -> Means:
        return Means(
            fleet=self._sighter.fleet,
            backends=self._sighter.backends,
            ledger=self.ledger,
            leases=Leases(self.settings.state_dir),
            publish=self._publish,
            now=self._now,
            recorder=self.recorder,
            protection=self.settings.protection,
            environment=self.settings.environment,
            sparing=self._spared,
        )

    def _make_gate(self) -> Gate:
        return Gate(
            self.settings.authority,
            environment=self.settings.environment,
            backends=lambda: self._sighter.backends,
            recorder=self.recorder,
            notifier=self.notifier,
            safeguard=self._custodians,
        )

    def _make_introducing(self) -> Introducing:
        return Introducing(
            self.gate,
            self.settings.authority,
            environment=self.settings.environment,
            recorder=self.recorder,
            tell=lambda invoker, mismatches: self._publish(Identified(invoker, mismatches)),
        )

    def _make_bypasses(self) -> BypassWatch:
        return BypassWatch(
            fleet=self._sighter.fleet,
            backends=lambda: self._sighter.backends,
            ledger=self.ledger,
            recorder=self.recorder,
            state_dir=self.settings.state_dir,
            now=self._now,
            busy=self._busy,
        )

    def _make_glass(self) -> Glass:
        return Glass(
            self.settings.glass,
            self.settings.openers,
            recorder=self.recorder,
            notifier=self.notifier,
            reopen=self._reopen,
            warn=lambda text: self._publish(Warned(text)),
            busy=self._busy,
            now=self._now,
            changed=lambda opening, why: self._publish(GlassChanged(opening, why)),
        )

    def _busy(self) -> bool:
        """Whether a halt or a restore is under way."""
        return self._under_way > 0

    async def _spared(self, targets: Sequence[PlannedTarget]) -> tuple[Untouched, ...]:
        """Those of some newcomers that are the way back in: like in a plan, they are not halted (safety rule 4)."""
        try:
            return await carrying_break_glass(targets, self.fleet, self.settings.glass.register)
        except RegisterError as error:
            self._publish(Warned(f"whether who is new is a break-glass identity could not be looked up: {error}"))
            return ()

    @property
    def fleet(self) -> Fleet:
        """The fleet as known now. Read it in the engine's loop only."""
        return self._sighter.fleet

    @property
    def backends(self) -> Mapping[BackendRef, Backend]:
        """The backends that are open now."""
        return self._sighter.backends

    async def sight(self) -> None:
        """Keep the fleet, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._sighter.run(), name="sighter")
            group.create_task(self._introducing.run(self._sighter.settled), name="identities")
            group.create_task(self._keep_fleet(), name="last known fleet")

    async def break_glass(
        self,
        passphrase: bytearray,
        *,
        invoker: Invoker,
        reason: str,
        incident: str | None = None,
        second: bytearray | None = None,
        alone: str | None = None,
    ) -> Opening:
        """Open the backends anew with break-glass credentials, for a time; see ``Glass.unseal``.

        Raises:
            NotAuthorised: when the invoker has no role at all, and the override is not used.
            NoVaultOpened: when no vault gives credentials.
        """
        invoker = await self.gate.admit_any(invoker, act="break the glass")
        return await self.glass.unseal(
            passphrase, invoker=invoker, reason=reason, incident=incident, second=second, alone=alone
        )

    async def _custodians(self, scope: Scope, *, invoker: Invoker, act: str) -> None:
        await self.glass.admit(scope, invoker=invoker, act=act)

    async def _reopen(self, openers: Mapping[BackendRef, Opener]) -> None:
        self._introducing.again()
        await self._sighter.reopen(openers, keep=self._busy())

    @contextmanager
    def _working(self) -> Iterator[None]:
        """Note that a halt or a restore is under way."""
        self._under_way += 1
        self.glass.use()
        try:
            yield
        finally:
            self._under_way -= 1
            self.glass.use()

    async def _keep_fleet(self) -> None:
        await self._sighter.settled()
        await self.keeper.run()

    async def discover(self, timeout: float = LONGEST_SECONDS) -> None:
        """Wait for a first whole picture: each backend has listed, failed, gone silent, or had ``timeout`` seconds."""
        await self._sighter.known(timeout)

    async def plan(self, scope: Scope, profile: Profile = Profile.IMMEDIATE) -> Plan:
        """Plan a halt. Changes nothing. Raises ``planning.EmptyScope`` when no agent is known in the scope."""
        making = make_plan(
            self.fleet,
            scope,
            profile,
            backends=self._sighter.backends,
            environment=self.settings.environment,
            protection=self.settings.protection,
            now=self._now(),
        )
        plan = await with_identities(making, self.gate)
        plan = await spare_break_glass(plan, self.fleet, self.settings.glass.register)
        self.recorder.note(*happenings.plan_shown(plan))
        return plan

    async def record(self, halt_id: str) -> HaltRecord:
        """One halt as its run here has it, else as the ledger knows it.

        Raises ``UnknownHalt``, ``LedgerNeeded``, ``LedgerError``.
        """
        if running := self._running.get(halt_id):
            return running.record()
        record = await self._needed_ledger().halt(halt_id)
        if record is None:
            raise UnknownHalt(f"no halt {halt_id} is known in {self.settings.state_dir}")
        return record

    async def records(self) -> list[HaltRecord]:
        """All halts that the ledger knows, oldest first. Raises ``LedgerNeeded``, ``LedgerError``."""
        return await self._needed_ledger().halts()

    def needs_ledger(self) -> None:
        """Say so early when there is none. Raises ``LedgerNeeded``."""
        self._needed_ledger()

    def _needed_ledger(self) -> Ledger:
        if self.ledger is None:
            why = self.ledger_problem or f"the ledger in {self.settings.state_dir} cannot be used"
            raise LedgerNeeded(f"{why}; nothing was done")
        return self.ledger

    def _stir(self) -> None:
        if self._holder is not None:
            self._holder.stir()

    def _hear(self, event: EngineEvent) -> None:
        if isinstance(event, FleetChanged):
            for run in self._running.values():
                run.hear(event.agents)
        if self._holder is not None:
            self._holder.hear(event)
