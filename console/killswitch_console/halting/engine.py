"""The halting engine: one object that sees the fleet, plans, halts, proves and restores.

The app and the command line are two faces of it. It runs in one event loop (in the app: its own thread's), knows no
Textual, and speaks to faces only through frozen events and records.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

from killswitch_backends.protocol import Order
from killswitch_console.authority.invoker import Invoker, current_invoker
from killswitch_console.halting import happenings
from killswitch_console.halting.confirmed import check_collateral, check_lockout, header_of, intents_of, new_halt_id
from killswitch_console.halting.cut_short import told
from killswitch_console.halting.escalating import Escalated, escalate, laggards
from killswitch_console.halting.events import EngineEvent, Warned
from killswitch_console.halting.holder import Holder
from killswitch_console.halting.lease import Lease, Work
from killswitch_console.halting.ledger import Ledger, LedgerError, open_ledger
from killswitch_console.halting.marks_behind import finish_marks
from killswitch_console.halting.plan import Plan
from killswitch_console.halting.progress import to_prove_again
from killswitch_console.halting.publishing import both, guarded
from killswitch_console.halting.putting_back import Restores
from killswitch_console.halting.record import HaltRecord
from killswitch_console.halting.refusals import (
    AlreadyRestored,
    CollateralNotAccepted,
    LedgerNeeded,
    UnknownHalt,
    WouldLockOut,
)
from killswitch_console.halting.run import HaltRun
from killswitch_console.halting.settings import EngineSettings
from killswitch_console.halting.threads import executor_of
from killswitch_console.notify.watching import Watching
from killswitch_inventory.targets import TargetId

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


class Engine(Restores):
    """An open engine. Use ``open_engine``; call its methods from its own event loop only."""

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
        async with self._leased(header.halt_id) as lease:
            return await self._run(HaltRecord(header, intents_of(plan)), timeout, lease)

    check_lockout = staticmethod(check_lockout)

    check_collateral = staticmethod(check_collateral)

    async def resume(self, halt_id: str, *, timeout: float | None = None, invoker: Invoker | None = None) -> HaltRecord:
        """Finish a halt that was interrupted: halt what is left, prove all of it anew.

        Raises:
            UnknownHalt, LedgerNeeded, LedgerError: it cannot be looked up.
            AlreadyRestored: it was put back, so that there is nothing to finish.
            HaltBusy: another process runs or restores it.
            NotAuthorised: when no role of the invoker's (by default: of whoever runs this process) allows it.
        """
        record = await self._resumable(halt_id)
        header = record.header
        await self.gate.admit(
            invoker or current_invoker(), act="resume", scope=header.scope, agents=header.agents, reason=header.reason
        )
        async with self._leased(halt_id) as lease:
            return await self._run(await self._again(halt_id), timeout, lease, resumed_at=self._now())

    async def _resumable(self, halt_id: str) -> HaltRecord:
        """A halt that may be resumed, as it stands now. Raises as ``resume`` does."""
        record = await self.record(halt_id)
        if record.restored_at is not None and not record.held:
            raise AlreadyRestored(f"{halt_id} was restored; halt {record.header.scope} anew instead")
        return record

    async def _again(self, halt_id: str) -> HaltRecord:
        """A halt with all that is left of it to be halted and proven anew, as whoever had its lease before left it."""
        record = await self._resumable(halt_id)
        kind, data = happenings.halt_resumed(record.header)
        self.recorder.note(kind, data, halt_id=halt_id)
        if record.restoring is not None:
            self._publish(Warned(f"{told(record.restoring, record.touched)} and stay so; the rest is halted", halt_id))
            await self._needed_ledger().close_restores(halt_id, self._now())
        targets = tuple(to_prove_again(target) for target in record.targets)
        return replace(record, targets=targets, ended_at=None, restored_at=None, restoring=None)

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
        kind, data = happenings.escalating(header, invoker, laggards(record, only))
        await self.recorder.record(kind, data, halt_id=halt_id)
        done = await escalate(record, backends=self._sighter.backends, order=order, only=only)
        kind, data = happenings.escalated(done)
        self.recorder.note(kind, data, halt_id=halt_id)
        return done

    @asynccontextmanager
    async def _leased(self, halt_id: str) -> AsyncIterator[Lease]:
        """The lease of a halt to run: whoever holds it gives way; whoever runs or restores it does not."""
        lease = await self.means.leases.await_(halt_id, Work.HALT, seconds=HANDOVER_SECONDS)
        try:
            yield lease
        finally:
            lease.release()
            self._stir()

    async def _run(
        self, record: HaltRecord, timeout: float | None, lease: Lease, *, resumed_at: datetime | None = None
    ) -> HaltRecord:
        """Run a halt, which ``record`` and ``status`` then see as it stands."""
        run = HaltRun(
            record,
            self.means,
            lease=lease,
            resumed_at=resumed_at,
            takes_in=True,
        )
        self._running[record.header.halt_id] = run
        try:
            with self._working():
                return await run.run(timeout)
        finally:
            del self._running[record.header.halt_id]

    async def hold(self) -> None:
        """Keep every halt of this ledger in force, as far as no other process does, until cancelled."""
        self._holder = Holder(self.means, self._needed_ledger())
        try:
            await self._holder.run()
        finally:
            self._holder = None


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
    loop = asyncio.get_running_loop()
    loop.set_default_executor(executor_of(loop))
    publish = guarded(publish)
    async with AsyncExitStack() as stack:
        recorder = await stack.enter_async_context(settings.recorder(lambda text: publish(Warned(text))))
        ledger, problem = await _ledger(stack, settings, publish, required=ledger_required)
        notifier = await stack.enter_async_context(settings.notifier(recorder, lambda text: publish(Warned(text))))
        watching = Watching(notifier)
        engine = Engine(settings, ledger, both(publish, watching.hear), now, recorder, notifier)
        engine.ledger_problem = problem
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


async def _ledger(
    stack: AsyncExitStack, settings: EngineSettings, publish: Callable[[EngineEvent], None], *, required: bool
) -> tuple[Ledger | None, str]:
    """The ledger, or why there is none. Raises ``LedgerError`` where it is required."""
    try:
        return await stack.enter_async_context(open_ledger(settings.state_dir)), ""
    except LedgerError as error:
        if required:
            raise
        publish(Warned(f"halts go on without the ledger, nothing else does: {error}"))
        return None, str(error)
