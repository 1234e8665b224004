"""The halting engine: one object that sees the fleet, plans, halts, proves and restores.

The app and the command line are two faces of it. It runs in one event loop (in the app: its own thread's), knows no
Textual, and speaks to faces only through frozen events and records.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime

from killswitch_backends.protocol import Backend, Order, Profile
from killswitch_console.authority.breakglass import Glass
from killswitch_console.authority.emergency_identity import spare_break_glass
from killswitch_console.authority.gate import Gate
from killswitch_console.authority.introducing import Introducing
from killswitch_console.authority.invoker import Invoker, current_invoker
from killswitch_console.authority.opening import Opening
from killswitch_console.halting import happenings
from killswitch_console.halting.acting_as import with_identities
from killswitch_console.halting.approving import Approval
from killswitch_console.halting.board import Publish
from killswitch_console.halting.bypass_watch import BypassWatch
from killswitch_console.halting.confirmed import check_collateral, check_lockout, header_of, intents_of, new_halt_id
from killswitch_console.halting.cut_short import told
from killswitch_console.halting.escalating import Escalated, escalate
from killswitch_console.halting.events import EngineEvent, GlassChanged, Identified, Warned
from killswitch_console.halting.foreign import ForeignHalt
from killswitch_console.halting.holder import Holder
from killswitch_console.halting.last_known import FleetKeeper, LastKnown
from killswitch_console.halting.lease import Leases, Work
from killswitch_console.halting.ledger import Ledger, LedgerError, open_ledger
from killswitch_console.halting.marks_behind import finish_marks
from killswitch_console.halting.means import Means
from killswitch_console.halting.plan import Plan
from killswitch_console.halting.planning import make_plan
from killswitch_console.halting.progress import to_prove_again
from killswitch_console.halting.publishing import both, guarded
from killswitch_console.halting.record import HaltRecord
from killswitch_console.halting.recording import UNRECORDED, Recorder
from killswitch_console.halting.refusals import (
    AlreadyRestored,
    CollateralNotAccepted,
    LedgerNeeded,
    UnknownHalt,
    WouldLockOut,
)
from killswitch_console.halting.restore_desk import RestoreAsked, RestoreDesk
from killswitch_console.halting.restore_plan import RestorePlan
from killswitch_console.halting.run import HaltRun
from killswitch_console.halting.settings import EngineSettings
from killswitch_console.halting.sight_notes import noting
from killswitch_console.halting.sighting import LONGEST_SECONDS, Opener, Sighter
from killswitch_console.halting.staging import OnFailure
from killswitch_console.halting.threads import ForgettingExecutor
from killswitch_console.notify.notice import SILENT, Notifier
from killswitch_console.notify.watching import Watching
from killswitch_inventory.fleet import Fleet
from killswitch_inventory.scopes import Scope
from killswitch_inventory.targets import BackendRef, TargetId

__all__ = [
    "AlreadyRestored",
    "CollateralNotAccepted",
    "Engine",
    "EngineSettings",
    "LedgerNeeded",
    "UnknownHalt",
    "WouldLockOut",
    "new_halt_id",
    "open_engine",
    "utc_now",
]

_LOG = logging.getLogger(__name__)

HANDOVER_SECONDS = 10.0
"""How long whoever holds a halt may take to give way to whoever resumes it."""

CLOSE_SECONDS = 5.0
"""How long the backends may take to close."""


def utc_now() -> datetime:
    """Now, in UTC."""
    return datetime.now(UTC)


class Engine:
    """An open engine. Use ``open_engine``; call its methods from its own event loop only."""

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
        self.recorder = recorder
        self.notifier = notifier
        self._publish = publish = noting(guarded(publish), recorder)
        self._now = now
        fleet = Fleet(declared=settings.declared, backends=settings.openers, layers=settings.layers)
        last_known = LastKnown(settings.state_dir / "fleet")
        self.keeper = FleetKeeper(last_known, fleet, busy=lambda: self._under_way > 0)
        self._sighter = Sighter(fleet, settings.openers, both(publish, self._hear), now, last_known)
        self._holder: Holder | None = None
        self.means = Means(
            fleet=fleet,
            backends=self._sighter.backends,
            ledger=ledger,
            leases=Leases(settings.state_dir),
            publish=publish,
            now=now,
            recorder=recorder,
            protection=settings.protection,
            environment=settings.environment,
        )
        self.gate = Gate(
            settings.authority,
            environment=settings.environment,
            backends=lambda: self._sighter.backends,
            recorder=recorder,
            notifier=notifier,
            safeguard=self._custodians,
        )
        self._introducing = Introducing(
            self.gate,
            settings.authority,
            environment=settings.environment,
            recorder=recorder,
            tell=lambda invoker, mismatches: publish(Identified(invoker, mismatches)),
        )
        self.bypasses = BypassWatch(
            fleet=fleet,
            backends=lambda: self._sighter.backends,
            ledger=ledger,
            recorder=recorder,
            state_dir=settings.state_dir,
            now=now,
            busy=lambda: self._under_way > 0,
        )
        self._under_way = 0
        self.glass = Glass(
            settings.glass,
            settings.openers,
            recorder=recorder,
            notifier=notifier,
            reopen=self._reopen,
            warn=lambda text: publish(Warned(text)),
            busy=lambda: self._under_way > 0,
            now=now,
            changed=lambda opening, why: publish(GlassChanged(opening, why)),
        )

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
        await self._sighter.reopen(openers, keep=self._under_way > 0)

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

    async def halt(
        self,
        plan: Plan,
        *,
        invoker: Invoker,
        reason: str,
        incident: str | None = None,
        accept_collateral: bool = False,
        timeout: float | None = None,
        halt_id: str | None = None,
    ) -> HaltRecord:
        """Carry out a confirmed plan; return when all is settled or after ``timeout`` seconds.

        Raises:
            WouldLockOut: when a target in scope carries the identity this console acts as.
            CollateralNotAccepted: when the plan hits agents outside its scope and ``accept_collateral`` is False.
            NotAuthorised: when no role of the invoker's allows it.
        """
        check_lockout(plan)
        check_collateral(plan, accepted=accept_collateral)
        members = [agent.key for agent in plan.agents]
        invoker = await self.gate.admit(invoker, act="halt", scope=plan.scope, agents=members, reason=reason)
        at = self._now()
        header = header_of(
            plan,
            objectives=self.settings.objectives,
            invoker=invoker,
            reason=reason,
            incident=incident,
            halt_id=halt_id or new_halt_id(at),
            at=at,
            drill=self.settings.drill,
        )
        return await self._run(HaltRecord(header, intents_of(plan)), timeout)

    check_lockout = staticmethod(check_lockout)
    check_collateral = staticmethod(check_collateral)

    async def resume(self, halt_id: str, *, timeout: float | None = None, invoker: Invoker | None = None) -> HaltRecord:
        """Finish a halt that was interrupted: halt what is left, prove all of it anew.

        Raises:
            UnknownHalt, LedgerNeeded, LedgerError: it cannot be looked up.
            AlreadyRestored: it was put back, so that there is nothing to finish.
            NotAuthorised: when no role of the invoker's (by default: of whoever runs this process) allows it.
        """
        record = await self.record(halt_id)
        if record.restored_at is not None and not record.held:
            raise AlreadyRestored(f"{halt_id} was restored; halt {record.header.scope} anew instead")
        header = record.header
        await self.gate.admit(
            invoker or current_invoker(), act="resume", scope=header.scope, agents=header.agents, reason=header.reason
        )
        kind, data = happenings.halt_resumed(record.header)
        self.recorder.note(kind, data, halt_id=halt_id)
        if record.restoring is not None:
            self._publish(Warned(f"{told(record.restoring, record.touched)} and stay so; the rest is halted", halt_id))
            await self._needed_ledger().close_restores(halt_id, self._now())
        targets = tuple(to_prove_again(target) for target in record.targets)
        again = replace(record, targets=targets, ended_at=None, restored_at=None, restoring=None)
        return await self._run(again, timeout)

    async def escalate(
        self, halt_id: str, *, invoker: Invoker, only: Collection[TargetId] | None = None
    ) -> tuple[Escalated, ...]:
        """End the laggards of a halt (all, or ``only`` these) without their grace, while its run goes on observing.

        Raises:
            UnknownHalt, LedgerNeeded, LedgerError: it cannot be looked up.
            NotAuthorised: when no role of the invoker's allows it.
        """
        record = await self.record(halt_id)
        header = record.header
        invoker = await self.gate.admit(
            invoker, act="escalate", scope=header.scope, agents=header.agents, reason=header.reason
        )
        order = Order(halt_id, str(invoker), header.reason, header.invoked_at, incident=header.incident)
        done = await escalate(record, backends=self._sighter.backends, order=order, only=only)
        kind, data = happenings.escalated(done)
        self.recorder.note(kind, data, halt_id=halt_id)
        return done

    async def _run(self, record: HaltRecord, timeout: float | None) -> HaltRecord:
        """Run a halt under its lease: whoever holds it gives way; whoever runs it does not."""
        lease = await self.means.leases.await_(record.header.halt_id, Work.HALT, seconds=HANDOVER_SECONDS)
        run = HaltRun(
            record,
            backends=self._sighter.backends,
            ledger=self.ledger,
            publish=self._publish,
            now=self._now,
            recorder=self.recorder,
            lease=lease,
        )
        try:
            with self._working():
                return await run.run(timeout)
        finally:
            lease.release()
            self._stir()

    async def restore(
        self,
        halt_id: str,
        *,
        invoker: Invoker,
        reason: str,
        timeout: float | None = None,
        only: Scope | None = None,
        on_failure: OnFailure = OnFailure.STOP,
        alone: str | None = None,
    ) -> HaltRecord:
        """Put back what a halt changed, or the part of it in the scope ``only``.

        Args:
            halt_id: a halt of the ledger, or of another bastion, whose marks are seen.
            invoker: who restores.
            reason: why.
            timeout: seconds; what is not put back by then stays halted.
            only: put back the agents of this scope only.
            on_failure: what to do once something cannot be put back.
            alone: why one person restores what takes two: a security event.

        Raises:
            NotAuthorised, UnknownHalt, LedgerNeeded, LedgerError, ApprovalNeeded, NothingToRestore, HaltBusy: nothing
                was changed.
        """
        desk = self._desk()
        record = await desk.find(halt_id, invoker)
        scope, agents = only or record.header.scope, record.header.agents
        members = [key for key in agents if only is None or only.covers(key)]
        invoker = await self.gate.admit(invoker, act="restore", scope=scope, agents=members, reason=reason)
        asked = RestoreAsked(only=only, on_failure=on_failure, alone=alone, timeout=timeout)
        with self._working():
            return await desk.restore(record, invoker, reason, asked)

    async def plan_restore(self, halt_id: str, *, reader: Invoker, only: Scope | None = None) -> RestorePlan:
        """What a restore would do and meet: what changed since, missing rights, quotas, what waits. Changes nothing.

        Raises:
            UnknownHalt, LedgerNeeded, LedgerError, NothingToRestore: it cannot be planned.
        """
        desk = self._desk()
        return await desk.plan(await desk.find(halt_id, reader), reader, only)

    async def approve(self, halt_id: str, *, invoker: Invoker) -> Approval:
        """Agree to the restore of a halt as the second of two people.

        Raises:
            NotAuthorised, UnknownHalt, LedgerNeeded, LedgerError, SamePerson: nothing was recorded.
        """
        desk = self._desk()
        record = await desk.find(halt_id, invoker)
        header = record.header
        invoker = await self.gate.admit(invoker, act="approve", scope=header.scope, agents=header.agents)
        return await desk.approve(record, invoker)

    async def take_over(self, record: HaltRecord) -> HaltRecord:
        """Know a halt of another bastion as its trail tells it, or what that tells more of one that is known.

        Raises:
            LedgerNeeded, LedgerError: it cannot be written down.
        """
        return await self._desk().take_over(record)

    async def hear_approvals(self, halt_id: str, approvals: Sequence[Approval]) -> None:
        """Know approvals that were given on other bastions. Raises ``LedgerNeeded``, ``LedgerError``."""
        await self._desk().hear(halt_id, approvals)

    def takes_two(self, record: HaltRecord, only: Scope | None = None) -> bool:
        """Whether restoring a halt, or a part of it, takes two people. Raises ``LedgerNeeded``."""
        return self._desk().takes_two(record, only)

    async def foreign(self, halt_id: str | None = None) -> tuple[ForeignHalt, ...]:
        """Halts of other bastions whose marks are seen now (one of them, if one is named)."""
        found = await self._desk().foreign()
        return tuple(halt for halt in found if halt_id in (None, halt.halt_id))

    def _desk(self) -> RestoreDesk:
        return RestoreDesk(self.means, self._needed_ledger(), self.settings.two_person, self._stir)

    async def hold(self) -> None:
        """Keep every halt of this ledger in force, as far as no other process does, until cancelled."""
        self._holder = Holder(self.means, self._needed_ledger())
        try:
            await self._holder.run()
        finally:
            self._holder = None

    def needs_ledger(self) -> None:
        """Say so early when there is none. Raises ``LedgerNeeded``."""
        self._needed_ledger()

    def _stir(self) -> None:
        if self._holder is not None:
            self._holder.stir()

    def _hear(self, event: EngineEvent) -> None:
        if self._holder is not None:
            self._holder.hear(event)

    async def record(self, halt_id: str) -> HaltRecord:
        """One halt as the ledger knows it. Raises ``UnknownHalt``, ``LedgerNeeded``, ``LedgerError``."""
        record = await self._needed_ledger().halt(halt_id)
        if record is None:
            raise UnknownHalt(f"no halt {halt_id} is known in {self.settings.state_dir}")
        return record

    async def records(self) -> list[HaltRecord]:
        """All halts that the ledger knows, oldest first. Raises ``LedgerNeeded``, ``LedgerError``."""
        return await self._needed_ledger().halts()

    def _needed_ledger(self) -> Ledger:
        if self.ledger is None:
            raise LedgerNeeded(f"the ledger in {self.settings.state_dir} cannot be used; nothing was done")
        return self.ledger


@asynccontextmanager
async def open_engine(
    settings: EngineSettings,
    publish: Callable[[EngineEvent], None] = lambda _: None,
    now: Callable[[], datetime] = utc_now,
    *,
    ledger_required: bool = False,
) -> AsyncIterator[Engine]:
    """Open an engine and keep its fleet until closed.

    A ledger that cannot be opened leaves an engine that halts without one (safety rule 2), unless it is required.

    Raises:
        LedgerError: when the ledger is required and cannot be opened.
    """
    asyncio.get_running_loop().set_default_executor(ForgettingExecutor())
    publish = guarded(publish)
    async with AsyncExitStack() as stack:
        recorder = await stack.enter_async_context(settings.recorder(lambda text: publish(Warned(text))))
        try:
            ledger: Ledger | None = await stack.enter_async_context(open_ledger(settings.state_dir))
        except LedgerError:
            if ledger_required:
                raise
            ledger = None
        notifier = await stack.enter_async_context(settings.notifier(recorder, lambda text: publish(Warned(text))))
        watching = Watching(notifier)
        engine = Engine(settings, ledger, both(publish, watching.hear), now, recorder, notifier)
        sighting = asyncio.create_task(engine.sight(), name="sighting")
        try:
            yield engine
        finally:
            watching.close()
            engine.glass.close()
            try:
                await finish_marks(engine.backends, ledger=ledger, recorder=recorder, publish=publish)
                await engine.keeper.keep_last()
            finally:
                sighting.cancel()
            await asyncio.wait([sighting], timeout=CLOSE_SECONDS)
            engine.glass.overwrite()
            if sighting.done() and not sighting.cancelled() and (defect := sighting.exception()):
                _LOG.warning("sighting ended early: %r", defect)
