"""The restoring side of an engine: what is asked of it, admitted at the gate, and handed to the restore desk."""

from __future__ import annotations

from collections.abc import Sequence

from killswitch_console.authority.invoker import Invoker
from killswitch_console.halting.approving import Approval
from killswitch_console.halting.foreign import ForeignHalt
from killswitch_console.halting.record import HaltRecord
from killswitch_console.halting.restore_desk import RestoreAsked, RestoreDesk
from killswitch_console.halting.restore_plan import RestorePlan
from killswitch_console.halting.seeing import Seeing
from killswitch_console.halting.staging import OnFailure
from killswitch_inventory.scopes import Scope


class Restores(Seeing):
    """The part of an engine that puts back. Use ``engine.Engine``."""

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
