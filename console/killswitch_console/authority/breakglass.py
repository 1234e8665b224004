"""Breaking the glass: who, why and for which incident is recorded and told, then credentials are unsealed, for a time.

The engine's backends are opened anew with them; when the time is over, or the session ends, everything is wiped and the
normal credentials are back. Nothing keeps it waiting: telling people has two seconds, recording a quarter of one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta

from killswitch_backends.emergency import EmergencyCredential, Lend, UnusableCredential
from killswitch_console.authority.invoker import Invoker
from killswitch_console.halting.recording import Recorder
from killswitch_console.halting.sighting import Opener
from killswitch_console.notify.notice import Notice, NoticeKind, Notifier
from killswitch_console.vault.credential import Credential
from killswitch_console.vault.memory import PrivateMemory, harden
from killswitch_console.vault.register import Register, RegisterError
from killswitch_console.vault.vault import Vault
from killswitch_console.vault.vaults import open_first
from killswitch_inventory.targets import BackendRef

IDLE, LONGEST = timedelta(minutes=15), timedelta(minutes=60)
PUSH_SECONDS = 2.0
"""How long telling people may take before the glass breaks all the same."""

EmergencyOpener = Callable[[EmergencyCredential, Lend], Opener]
"""How one table is opened with another credential. Raises ``UnusableCredential``."""

Reopen = Callable[[Mapping[BackendRef, Opener]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class GlassSettings:
    """What an engine needs to know of break-glass."""

    vaults: Sequence[Vault] = ()
    """In the configuration's order."""
    openers: Mapping[BackendRef, EmergencyOpener] = field(default_factory=dict)
    register: Register | None = None
    learn: Callable[[str], None] = lambda _: None
    """Told each secret, so that it is blanked wherever it might show."""


@dataclass(frozen=True, slots=True)
class Opening:
    """Broken glass: which vault opened, what for, which backends have other credentials now, and until when."""

    vault: str
    credentials: tuple[str, ...]
    backends: tuple[BackendRef, ...]
    at: datetime
    until: datetime
    """When it is sealed again at the latest; ``IDLE`` without use seals it earlier."""
    unopened: tuple[str, ...] = ()
    """Backends that no credential of the vault opens."""


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
    ) -> None:
        self._settings, self._normal = settings, normal
        self._recorder, self._notifier = recorder, notifier
        self._reopen, self._warn, self._busy, self._now = reopen, warn, busy, now
        self._memory = PrivateMemory()
        self._turn = asyncio.Lock()
        self._used_at: datetime | None = None
        self._sealer: asyncio.Task[None] | None = None
        self.opening: Opening | None = None
        """The glass that is broken now, if it is: faces show it in red."""

    async def unseal(self, passphrase: bytearray, *, invoker: Invoker, reason: str, incident: str | None) -> Opening:
        """Break the glass.

        Args:
            passphrase: of a vault; the caller wipes it.
            invoker: admitted by the gate.
            reason: recorded and told.
            incident: likewise.

        Raises:
            NoVaultOpened: when no vault gives credentials.
        """
        async with self._turn:
            await self._announce(invoker, reason, incident)
            harden()
            vault, credentials = await open_first(self._settings.vaults, passphrase, lambda t: self._warn(str(t)))
            self._memory.wipe()
            openers = self._openers(credentials)
            self.opening = self._opening(vault.name, credentials, openers)
            await self._note_use(self.opening)
            await self._reopen(openers)
            self._watch()
            return self.opening

    def use(self) -> None:
        """Note that the open credentials are in use: idleness counts from here."""
        self._used_at = self._now()

    async def seal(self, why: str) -> None:
        """Wipe the credentials; normal ones from here on."""
        async with self._turn:
            if self.opening is None:
                return
            touched, self.opening = self.opening.backends, None
            self._recorder.note("glass.sealed", {"why": why})
            try:
                await self._reopen({ref: self._normal[ref] for ref in touched})
            finally:
                self._memory.wipe()

    def close(self) -> None:
        """Wipe the credentials at the end of a session."""
        if self._sealer is not None:
            self._sealer.cancel()
        if self.opening is not None:
            self._recorder.note("glass.sealed", {"why": "the session ended"})
        self.opening = None
        self._memory.wipe()

    async def _announce(self, invoker: Invoker, reason: str, incident: str | None) -> None:
        """Recorded and told before use; neither can stop it."""
        particulars = {"invoker": asdict(invoker), "reason": reason, "incident": incident}
        title = f"BREAK-GLASS: {invoker} unseals emergency credentials" + (f" for {incident}" if incident else "")
        notice = Notice(NoticeKind.BREAK_GLASS, title, (f"reason: {reason}",))
        recorded = self._recorder.record("glass.breaking", particulars)
        await asyncio.gather(recorded, self._notifier.push(notice, within=PUSH_SECONDS))

    def _openers(self, credentials: Sequence[Credential]) -> dict[BackendRef, Opener]:
        chosen: dict[BackendRef, Opener] = {}
        by_name = {str(ref): ref for ref in self._settings.openers}
        for credential in credentials:
            for secret in credential.fields.values():
                self._settings.learn(secret)
            lent = EmergencyCredential(kind=str(credential.kind), fields=credential.fields)
            for ref in (by_name[name] for name in credential.backends if name in by_name):
                try:
                    chosen[ref] = self._settings.openers[ref](lent, self._memory.lend)
                except UnusableCredential as error:
                    self._warn(f"credential {credential.name} does not open {ref}: {error}")
        return chosen

    def _opening(self, vault: str, credentials: Sequence[Credential], openers: Mapping[BackendRef, Opener]) -> Opening:
        at = self._now()
        names = tuple(c.name for c in credentials if {str(ref) for ref in openers} & set(c.backends))
        unopened = tuple(sorted(str(ref) for ref in self._settings.openers if ref not in openers))
        return Opening(vault, names, tuple(sorted(openers)), at, at + LONGEST, unopened)

    async def _note_use(self, opening: Opening) -> None:
        data = {
            "vault": opening.vault,
            "credentials": list(opening.credentials),
            "backends": list(map(str, opening.backends)),
            "until": opening.until.isoformat(),
        }
        await self._recorder.record("glass.unsealed", data)
        self.use()
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
            idle = (self._used_at or self.opening.at) + IDLE
            left = (min(idle, self.opening.until) - self._now()).total_seconds()
            if left <= 0 and not self._busy():
                why = "its hour is over" if self._now() >= self.opening.until else "it was idle"
                self._sealer = None
                await self.seal(why)
                self._warn(f"break-glass credentials were sealed again: {why}")
                return
            await asyncio.sleep(min(max(left, 1.0), 30.0))
