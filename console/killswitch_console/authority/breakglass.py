"""Breaking the glass: who, why and for which incident is recorded and told, then credentials are unsealed, for a time.

The engine's backends are opened anew with them; when the time is over, or the session ends, everything is wiped and the
normal credentials are back. Nothing keeps it waiting: telling people has two seconds, recording a quarter of one. Where
a scope takes two custodians, a lone one may go on: that is told and recorded, for a halt must not wait for a person.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta

from killswitch_backends.emergency import EmergencyCredential, UnusableCredential
from killswitch_console.authority.glass_settings import GlassSettings
from killswitch_console.authority.invoker import Invoker
from killswitch_console.authority.opening import Opening, SecondCustodianNeeded
from killswitch_console.halting.recording import Recorder
from killswitch_console.halting.sighting import Opener
from killswitch_console.notify.notice import Notice, NoticeKind, Notifier
from killswitch_console.vault.credential import Credential
from killswitch_console.vault.memory import PrivateMemory, harden, overwrite_freed
from killswitch_console.vault.register import RegisterError
from killswitch_console.vault.vaults import NoVaultOpened, open_first
from killswitch_inventory.scopes import Scope
from killswitch_inventory.targets import BackendRef

IDLE, LONGEST = timedelta(minutes=15), timedelta(minutes=60)
CLOSING_SECONDS = (5.0, 10.0, 20.0, 60.0)
"""So long after it was sealed, what connections with broken glass let go of is overwritten: the slowest close last."""
PUSH_SECONDS = 2.0
"""How long telling people may take before the glass breaks all the same."""

Reopen = Callable[[Mapping[BackendRef, Opener]], Awaitable[None]]


class Glass:
    """One engine's glass."""

    def __init__(
        self,
        settings: GlassSettings,
        normal: Mapping[BackendRef, Opener],
        *,
        recorder: Recorder,
        notifier: Notifier,
        reopen: Reopen,
        warn: Callable[[str], None],
        busy: Callable[[], bool],
        now: Callable[[], datetime],
        changed: Callable[[Opening | None, str], None] = lambda *_: None,
    ) -> None:
        self._settings, self._normal = settings, normal
        self._recorder, self._notifier = recorder, notifier
        self._reopen, self._warn, self._busy, self._now, self._changed = reopen, warn, busy, now, changed
        self._memory = PrivateMemory()
        self._learned: list[str] = []
        self._freed: set[int] = set()
        self._turn = asyncio.Lock()
        self._sealer: asyncio.Task[None] | None = None
        self.opening: Opening | None = None
        """The glass that is broken now, if it is: faces show it in red."""

    async def unseal(
        self,
        passphrase: bytearray,
        *,
        invoker: Invoker,
        reason: str,
        incident: str | None,
        second: bytearray | None = None,
        alone: str | None = None,
    ) -> Opening:
        """Break the glass.

        Args:
            passphrase: of a vault; the caller wipes it.
            invoker: admitted by the gate.
            reason: recorded and told.
            incident: likewise.
            second: the passphrase of another custodian's vault, if they are there too; the caller wipes it.
            alone: why one custodian goes on where two are asked for; recorded and told.

        Raises:
            NoVaultOpened: when no vault gives credentials, or the second passphrase opens no other custodian's.
        """
        async with self._turn:
            await self._announce(invoker, reason, incident, alone)
            harden()
            vault, credentials, custodians = await self._unlock(passphrase, second, invoker)
            self._memory.wipe()
            self._freed.add(len(passphrase))
            openers = self._openers(credentials)
            opening = replace(self._opening(vault, credentials, openers), custodians=custodians, alone=alone)
            await self._note_use(opening)
            self._show(opening, "")
            await self._reopen(openers)
            self._watch()
            return opening

    async def _unlock(
        self, passphrase: bytearray, second: bytearray | None, invoker: Invoker
    ) -> tuple[str, tuple[Credential, ...], tuple[str, ...]]:
        """The vault that opens, what is in it, and the custodians who stand behind that. Raises ``NoVaultOpened``."""
        try:
            vault, credentials = await open_first(self._settings.vaults, passphrase, lambda t: self._warn(str(t)))
            custodians = tuple(filter(None, (vault.custodian,)))
            if second is not None:
                custodians = (*custodians, await self._other_custodian(custodians, second))
        except NoVaultOpened as failure:
            await self._recorder.record("glass.failed", {"invoker": asdict(invoker), "why": str(failure)})
            raise
        return vault.name, credentials, custodians

    async def countersign(self, passphrase: bytearray) -> Opening:
        """Have a second custodian stand behind glass that is open; the caller wipes their passphrase.

        Raises:
            NoVaultOpened: when it opens no other custodian's vault, or the glass is not open (any more).
        """
        async with self._turn:
            if self.opening is None:
                raise NoVaultOpened("the glass is sealed: there is nothing to countersign")
            other = await self._other_custodian(self.opening.custodians, passphrase)
            custodians = (*self.opening.custodians, other)
            await self._recorder.record("glass.countersigned", {"custodians": list(custodians)})
            self._show(replace(self.opening, custodians=custodians), "")
            return self.opening

    async def stand_alone(self, why: str) -> Opening:
        """Take it upon oneself to do alone what takes two custodians, with open glass: recorded, and told at each use.

        Raises:
            NoVaultOpened: when the glass is not open (any more).
        """
        async with self._turn:
            if self.opening is None:
                raise NoVaultOpened("the glass is sealed: nothing was done")
            await self._recorder.record("glass.lone", {"why": why, "custodians": list(self.opening.custodians)})
            self._show(replace(self.opening, alone=why), "")
            return self.opening

    async def admit(self, scope: Scope, *, invoker: Invoker, act: str) -> None:
        """Let a scope be halted or restored with the glass as it is now; with normal credentials always.

        Raises:
            SecondCustodianNeeded: when it takes two custodians, and the one does not say that they act alone.
        """
        opening = self.opening
        if opening is None or opening.countersigned or act == "approve":
            return
        if scope.kind not in self._settings.two_custodians:
            return
        if opening.alone is None:
            raise SecondCustodianNeeded(
                f"{act} of {scope} with break-glass takes two custodians; nothing was done "
                "(the second one's passphrase, or say that you act alone and why: key b in the console; "
                "--second-passphrase-file or --lone-operator REASON of a command)"
            )
        title = f"LONE OPERATOR: {invoker} does what takes two custodians: {act} {scope} with break-glass"
        self._notifier.tell(Notice(NoticeKind.BREAK_GLASS, title, (f"reason given: {opening.alone}",)))
        particulars = {"act": act, "scope": str(scope), "why": opening.alone, "custodians": list(opening.custodians)}
        await self._recorder.record("glass.alone", {**particulars, "invoker": asdict(invoker)})

    def use(self) -> None:
        """Note that the open credentials are in use: idleness counts from here."""
        if self.opening is not None:
            self._show(replace(self.opening, idle_until=self._now() + IDLE), "")

    async def seal(self, why: str) -> None:
        """Wipe the credentials; normal ones from here on."""
        async with self._turn:
            if self.opening is None:
                return
            touched = self.opening.backends
            self._show(None, why)
            self._recorder.note("glass.sealed", {"why": why})
            try:
                await self._reopen({ref: self._normal[ref] for ref in touched})
            finally:
                self._forget()
        for seconds in CLOSING_SECONDS:
            asyncio.get_running_loop().call_later(seconds, self.overwrite)

    def close(self) -> None:
        """Wipe the credentials at the end of a session; ``overwrite`` once its connections are closed."""
        if self._sealer is not None:
            self._sealer.cancel()
        if self.opening is not None:
            self._recorder.note("glass.sealed", {"why": "the session ended"})
            self._show(None, "the session ended")
        self._forget()

    def overwrite(self) -> None:
        """Take the place of what platforms' libraries held of the secrets and have let go of; not while a halt runs."""
        if self.opening is None and self._freed and not self._busy():
            overwrite_freed(self._freed)

    def _forget(self) -> None:
        """Wipe what is ours."""
        self._memory.wipe()
        self._freed |= self._memory.lengths
        for secret in self._learned:
            self._settings.forget(secret)
            self._freed.add(len(secret))
        self._learned.clear()

    def _show(self, opening: Opening | None, why: str) -> None:
        self.opening = opening
        self._changed(opening, why)

    async def _other_custodian(self, known: Sequence[str], passphrase: bytearray) -> str:
        """The custodian whose vault a passphrase opens, other than those known. Raises ``NoVaultOpened``."""
        others = [vault for vault in self._settings.vaults if vault.custodian and vault.custodian not in known]
        if not known or not others:
            raise NoVaultOpened("no second custodian is configured: give [[vault]] tables of several custodians")
        vault, _ = await open_first(others, passphrase, lambda trouble: self._warn(str(trouble)))
        return vault.custodian

    async def _announce(self, invoker: Invoker, reason: str, incident: str | None, alone: str | None) -> None:
        """Recorded and told before use; neither can stop it."""
        particulars = {"invoker": asdict(invoker), "reason": reason, "incident": incident, "alone": alone}
        title = f"BREAK-GLASS: {invoker} unseals emergency credentials" + (f" for {incident}" if incident else "")
        lone = (f"a lone operator, because: {alone}",) if alone else ()
        notice = Notice(NoticeKind.BREAK_GLASS, title, (f"reason: {reason}", *lone))
        recorded = self._recorder.record("glass.breaking", particulars)
        await asyncio.gather(recorded, self._notifier.push(notice, within=PUSH_SECONDS))

    def _openers(self, credentials: Sequence[Credential]) -> dict[BackendRef, Opener]:
        """How each table is opened with all of the credentials that are for it."""
        chosen: dict[BackendRef, Opener] = {}
        by_name = {str(ref): ref for ref in self._settings.openers}
        lent: defaultdict[BackendRef, list[EmergencyCredential]] = defaultdict(list)
        for credential in credentials:
            for secret in credential.secrets:
                self._settings.learn(secret)
                self._learned.append(secret)
            for ref in (by_name[name] for name in credential.backends if name in by_name):
                lent[ref].append(EmergencyCredential(kind=str(credential.kind), fields=credential.fields))
        for ref, given in lent.items():
            try:
                chosen[ref] = self._settings.openers[ref](given, self._memory.lend)
            except UnusableCredential as error:
                self._warn(f"no credential of the vault opens {ref}: {error}")
        return chosen

    def _opening(self, vault: str, credentials: Sequence[Credential], openers: Mapping[BackendRef, Opener]) -> Opening:
        at = self._now()
        names = tuple(c.name for c in credentials if {str(ref) for ref in openers} & set(c.backends))
        unopened = tuple(sorted(str(ref) for ref in self._settings.openers if ref not in openers))
        return Opening(vault, names, tuple(sorted(openers)), at, at + LONGEST, at + IDLE, unopened)

    async def _note_use(self, opening: Opening) -> None:
        data = {
            "vault": opening.vault,
            "credentials": list(opening.credentials),
            "backends": list(map(str, opening.backends)),
            "until": opening.until.isoformat(),
            "custodians": list(opening.custodians),
        }
        await self._recorder.record("glass.unsealed", data)
        if self._settings.register is not None:
            try:
                await asyncio.to_thread(self._settings.register.used, opening.credentials, opening.at)
            except RegisterError as error:
                self._warn(f"that the credentials were used, and must be rotated, could not be noted: {error}")

    def _watch(self) -> None:
        if self._sealer is not None:
            self._sealer.cancel()
        self._sealer = asyncio.create_task(self._seal_in_time(), name="glass")

    async def _seal_in_time(self) -> None:
        """Seal when its time is over; never under a halt that is being carried out."""
        while self.opening is not None:
            if self._busy():
                self.use()
            left = (self.opening.seals_at - self._now()).total_seconds()
            if left <= 0 and not self._busy():
                why = "its hour is over" if self._now() >= self.opening.until else "it was idle"
                self._sealer = None
                await self.seal(why)
                self._warn(f"break-glass credentials were sealed again: {why}")
                return
            await asyncio.sleep(min(max(left, 1.0), 30.0))
