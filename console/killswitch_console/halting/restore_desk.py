"""The desk where restores are asked for: whose halt it is, whether two people agree, and that nobody else works on it.

A halt that the ledger does not know is taken over from the marks on its targets.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Final

from killswitch_backends.protocol import Accepted, Captured, Failure, Order, Profile
from killswitch_console.authority.invoker import Invoker
from killswitch_console.halting import happenings
from killswitch_console.halting.approving import Approval, ApprovalNeeded, SamePerson, check_approval, same_person
from killswitch_console.halting.events import ApprovalGiven, SafeguardPassed
from killswitch_console.halting.foreign import ForeignHalt, foreign_halts
from killswitch_console.halting.holding import HoldRun
from killswitch_console.halting.lease import Lease, Work
from killswitch_console.halting.ledger import Ledger
from killswitch_console.halting.means import Means
from killswitch_console.halting.overlap import overlaps
from killswitch_console.halting.progress import TargetProgress, TargetState
from killswitch_console.halting.record import HaltHeader, HaltRecord
from killswitch_console.halting.refusals import UnknownHalt
from killswitch_console.halting.restore_plan import RestorePlan, make_restore_plan
from killswitch_console.halting.restore_steps import RestoreWish, chosen
from killswitch_console.halting.restoring import RestoreRun
from killswitch_console.halting.run import HaltRun
from killswitch_console.halting.staging import OnFailure
from killswitch_inventory.scopes import Scope, ScopeKind
from killswitch_inventory.targets import BackendRef, TargetId

HANDOVER_SECONDS: Final = 20.0
"""How long whoever holds or runs a halt may take to give way to its restore."""


class NothingToRestore(Exception):
    """The halt touched nothing in the part that was named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreAsked:
    """What a person asks of a restore beside who and why."""

    only: Scope | None = None
    """Put back the agents of this scope only."""
    on_failure: OnFailure = OnFailure.STOP
    alone: str | None = None
    """Why a restore that takes two people is done by one: a security event."""
    timeout: float | None = None


@dataclass(frozen=True, slots=True)
class RestoreDesk:
    """Restores of one engine."""

    means: Means
    ledger: Ledger
    two_person: frozenset[ScopeKind]
    done: Callable[[], None] = field(default=lambda: None)
    """Called when a lease was given back."""

    # -- whose halt it is ------------------------------------------------------------------------------------------

    async def foreign(self) -> tuple[ForeignHalt, ...]:
        """Halts of other bastions, by the marks seen now."""
        return foreign_halts(self.means.fleet, await self.ledger.ids())

    async def find(self, halt_id: str, reader: Invoker) -> HaltRecord:
        """A halt of the ledger, or of another bastion, which is written into it. Raises ``UnknownHalt``."""
        if (record := await self.ledger.halt(halt_id)) is not None:
            return record
        for found in await self.foreign():
            if found.halt_id == halt_id:
                return await self._adopt(found, reader)
        raise UnknownHalt(f"no halt {halt_id} is known here, and no mark of it is seen on the platforms")

    async def take_over(self, record: HaltRecord) -> HaltRecord:
        """A halt that another bastion's trail tells of, written into this ledger; what is known already stays so."""
        halt_id = record.header.halt_id
        if await self.ledger.halt(halt_id) is None:
            await self.ledger.begin(record.header, record.targets)
            await self.ledger.end(halt_id, record.ended_at or self.means.now())
        await self.hear(halt_id, record.approvals)
        return await self.find(halt_id, record.header.invoker)

    async def hear(self, halt_id: str, approvals: Sequence[Approval]) -> None:
        """Note approvals that were given on other bastions, once each."""
        known = await self.ledger.halt(halt_id)
        noted = {(a.approver.person, a.at) for a in known.approvals} if known else set()
        for approval in approvals:
            if (approval.approver.person, approval.at) not in noted and approval.used_at is None:
                await self.ledger.approve(halt_id, approval)

    async def _adopt(self, found: ForeignHalt, reader: Invoker) -> HaltRecord:
        """Write a foreign halt into the ledger, with the prior states that its marks recorded."""
        at = found.ordered_at or self.means.now()
        header = HaltHeader(
            halt_id=found.halt_id,
            scope=found.scopes[0],
            environment=self.means.environment,
            profile=Profile.IMMEDIATE,
            reason=f"not known here: found by its marks, by {reader}",
            incident=None,
            invoker=Invoker(os_user=found.invoker or "unknown", uid=-1, host="another bastion"),
            invoked_at=at,
            slo_seconds=0.0,
            backend_slo={},
            agents=found.agents,
            untouched=(),
            collateral=(),
            blinded=True,
            foreign=True,
            scope_known=False,
        )
        targets = [await self._marked(target, found) for target in await self._captured(found)]
        await self.ledger.begin(header, targets)
        await self.ledger.end(found.halt_id, self.means.now())
        record = await self.ledger.halt(found.halt_id)
        assert record is not None  # noqa: S101  (just written)
        return record

    async def _captured(self, found: ForeignHalt) -> list[Captured | Failure]:
        by_backend: defaultdict[BackendRef, list[TargetId]] = defaultdict(list)
        for target in found.targets:
            by_backend[target.backend].append(target)
        read: list[Captured | Failure] = []
        for ref, targets in by_backend.items():
            if (backend := self.means.backends.get(ref)) is not None:
                read += [item async for item in backend.capture(targets, fresh=True)]
        return read

    async def _marked(self, item: Captured | Failure, found: ForeignHalt) -> TargetProgress:
        """Where a target of a foreign halt stands: acknowledged by its mark, which proves nothing."""
        seen = self.means.fleet.target(item.target)
        assert seen is not None  # noqa: S101  (its mark was seen)
        at = found.ordered_at or self.means.now()
        progress = TargetProgress(
            target=item.target,
            layer=seen.layer,
            agents=tuple(sorted(self.means.fleet.agents_of(item.target))),
            requested_at=at,
            lifted=True,
        )
        if isinstance(item, Failure):
            return replace(progress, state=TargetState.FAILED, error=str(item.problem))
        accepted = Accepted(item.target, at, detail=f"marked by {found.halt_id}")
        return replace(progress, state=TargetState.ACCEPTED, captured=item, accepted=accepted)

    # -- two people ------------------------------------------------------------------------------------------------

    def takes_two(self, record: HaltRecord, only: Scope | None = None) -> bool:
        """Whether a restore of it, or of a part, takes two people. What is not known counts as the widest."""
        kinds = {record.header.scope.kind, *([only.kind] if only else [])}
        return bool(self.two_person & (kinds | (set() if record.header.scope_known else {ScopeKind.GLOBAL})))

    async def approve(self, record: HaltRecord, approver: Invoker) -> Approval:
        """Let a second person agree to a restore. Raises ``SamePerson``, ``RecordingNeeded``, ``LedgerError``."""
        halt_id, now = record.header.halt_id, self.means.now()
        if any(a.good(now) and same_person(a.approver, approver) for a in record.approvals):
            raise SamePerson(f"{approver} approved the restore of {halt_id} already; another person must restore it")
        kind, data = happenings.approved(record.header, approver)
        await self.means.recorder.require(kind, data, halt_id=halt_id)
        approval = Approval(approver, now)
        await self.ledger.approve(halt_id, approval)
        self.means.publish(ApprovalGiven(halt_id, approval))
        return approval

    def _check(self, record: HaltRecord, restorer: Invoker, asked: RestoreAsked) -> str | None:
        """Whether it may be restored as asked; why by one person alone, where that passes a safeguard."""
        if asked.only is not None and not chosen(record, asked.only):
            raise NothingToRestore(f"{record.header.halt_id} halted nothing in {asked.only}")
        if not self.takes_two(record, asked.only):
            return None
        try:
            check_approval(record.header.halt_id, restorer, record.approvals, self.means.now())
        except ApprovalNeeded:
            if asked.alone is None:
                raise
            return asked.alone
        return None

    async def _override(self, record: HaltRecord, restorer: Invoker, reason: str) -> None:
        header, what, at = record.header, "restored by one person where two are needed", self.means.now()
        kind, data = happenings.safeguard_passed(header, what, restorer, reason)
        await self.means.recorder.require(kind, data, halt_id=header.halt_id)
        await self.ledger.note_security(header.halt_id, what, restorer, reason, at)
        self.means.publish(SafeguardPassed(header.halt_id, what, restorer, reason, at))

    # -- what it would meet ----------------------------------------------------------------------------------------

    async def plan(self, record: HaltRecord, reader: Invoker, only: Scope | None) -> RestorePlan:
        """What a restore would do and meet. Changes nothing. Raises ``NothingToRestore``, ``LedgerError``."""
        now = self.means.now()
        if not chosen(record, only):
            raise NothingToRestore(f"{record.header.halt_id} halted nothing in {only or record.header.scope}")
        order = Order(halt_id=record.header.halt_id, invoker=str(reader), reason="a plan", at=now)
        begun = RestorePlan(
            record=record,
            only=only,
            takes_two=self.takes_two(record, only),
            approved_by=tuple(str(a.approver) for a in record.approvals if a.good(now)),
        )
        return await make_restore_plan(begun, self.means, order, overlaps(record, await self._others(record)))

    async def _others(self, record: HaltRecord) -> list[HaltRecord]:
        """The other halts with something left to put back: a ledger keeps many that have nothing left."""
        ids = [halt_id for halt_id in await self.ledger.unrestored() if halt_id != record.header.halt_id]
        return [other for halt_id in ids if (other := await self.ledger.halt(halt_id)) is not None]

    # -- restoring -------------------------------------------------------------------------------------------------

    async def restore(self, record: HaltRecord, restorer: Invoker, reason: str, asked: RestoreAsked) -> HaltRecord:
        """Put a halt back, or a part of it.

        Raises:
            ApprovalNeeded, NothingToRestore, HaltBusy, LedgerError, RecordingNeeded: nothing was changed.
        """
        self._check(record, restorer, asked)  # a refusal waits for nobody
        halt_id = record.header.halt_id
        lease = await self.means.leases.await_(halt_id, Work.RESTORE, seconds=HANDOVER_SECONDS)
        try:
            record = await self.ledger.halt(halt_id) or record  # as whoever held it left it
            if (alone := self._check(record, restorer, asked)) is not None:
                await self._override(record, restorer, alone)
            return await self._restore(record, restorer, reason, asked, lease)
        finally:
            lease.release()
            self.done()

    async def _restore(
        self, record: HaltRecord, restorer: Invoker, reason: str, asked: RestoreAsked, lease: Lease
    ) -> HaltRecord:
        halt_id = record.header.halt_id
        order = Order(halt_id=halt_id, invoker=str(restorer), reason=reason, at=self.means.now())
        wish = RestoreWish(order=order, only=asked.only, on_failure=asked.on_failure)
        over = overlaps(record, await self._others(record))
        run = RestoreRun(record, wish, self.means, overlaps=over, ledger=self.ledger)
        async with self._holding_rest(record, run):
            restored = await run.run(asked.timeout if asked.timeout is not None else _default_timeout(record))
        if run.failure and asked.on_failure is OnFailure.UNDO and run.put_back:
            return await self._undo(restored, run, lease)
        return restored

    @asynccontextmanager
    async def _holding_rest(self, record: HaltRecord, run: RestoreRun) -> AsyncIterator[None]:
        """Keep in force what a partial restore leaves halted, while it lasts."""
        due = {t.target for t in run.due}
        rest = HoldRun(record, self.means, lease=None, leaving=due)
        task = asyncio.create_task(rest.run(), name=f"hold the rest of {record.header.halt_id}")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def _undo(self, restored: HaltRecord, run: RestoreRun, lease: Lease) -> HaltRecord:
        """Halt again what was put back before something failed; the halt is in force as before."""
        again = {t.target: _as_intent(t) for t in run.put_back}
        halting = HaltRun(
            replace(restored, targets=tuple(again.values()), ended_at=None, restored_at=None, selected=None),
            self.means,
            lease=lease,
        )
        halted = {t.target: t for t in (await halting.run()).targets}
        said = f"undone, because {run.failure}"
        targets = tuple(halted.get(t.target, t) for t in restored.targets)
        return replace(restored, targets=targets, warnings=(*restored.warnings, said))


def _as_intent(target: TargetProgress) -> TargetProgress:
    """A target that was put back, to be halted anew from the same prior state."""
    return replace(
        target, state=TargetState.PENDING, accepted=None, evidence=None, stopped_at=None, lifted=False, error=""
    )


def _default_timeout(record: HaltRecord) -> float:
    """Seconds a restore may take when nobody says: three times the scope's objective, and at least two minutes."""
    return max(120.0, 3 * record.header.slo_seconds)
