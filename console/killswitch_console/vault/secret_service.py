"""The vault in the OS keyring: a collection of its own, unlocked in the console without a desktop, locked at rest.

What it keeps is the same sealed container that a file would hold, so the collection's password is a second lock, made
from the same passphrase. Everything that speaks D-Bus happens in a child with seconds to live.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from killswitch_console.vault.children import Silence, ask_child
from killswitch_console.vault.sealing import NotSealed, WrongPassphrase, derived_password, seal, unseal
from killswitch_console.vault.vault import Probe, VaultEmpty, VaultError, VaultLocked, VaultState

KEYRING_SECONDS = 2.5
"""For the child: with the key derivation before it, a hung keyring costs 3 seconds in all."""

_CHILD = "killswitch_console.vault.collection_child"
_INSTEAD = "use a sealed-file vault"

_PROBLEMS: Mapping[str, tuple[str, str]] = {
    "absent": ("no Secret Service answers on this session bus", f"install and start gnome-keyring, or {_INSTEAD}"),
    "unsupported": ("this Secret Service cannot be unlocked without a desktop prompt", _INSTEAD),
    "locked": ("the collection stays locked", "check the passphrase"),
    "refused": ("the Secret Service refused", _INSTEAD),
    "broken": ("the Secret Service failed", _INSTEAD),
}


@dataclass(frozen=True, slots=True)
class SecretService:
    """Implements ``Vault``."""

    name: str
    collection: str
    custodian: str = ""

    @property
    def place(self) -> str:
        """The collection."""
        return f"keyring collection {self.collection!r}"

    async def probe(self) -> Probe:
        """See ``Vault``."""
        try:
            answer = await self._ask({"op": "probe"})
        except VaultError as error:
            return Probe(VaultState.UNAVAILABLE, error.what, error.todo)
        match answer.get("state"):
            case "sealed":
                return Probe(VaultState.SEALED)
            case "missing":
                return Probe(VaultState.MISSING, f"no {self.place}", "killswitch-console breakglass enrol")
            case "open":
                return Probe(VaultState.OPEN, "unlocked: any process of this account can fetch the sealed bundle")
            case _:
                return Probe(VaultState.UNAVAILABLE, "the Secret Service answered nonsense", _INSTEAD)

    async def unseal(self, passphrase: bytearray) -> bytearray:
        """See ``Vault``."""
        self._needs_bus()
        answer = await self._ask({"op": "unseal", "password": await self._password(passphrase)})
        container = answer.get("container")
        if not isinstance(container, str):
            raise VaultError(self.name, "the Secret Service answered nonsense", todo=_INSTEAD)
        try:
            return await asyncio.to_thread(unseal, container.encode(), passphrase)
        except WrongPassphrase as error:
            raise VaultLocked(self.name, str(error)) from None
        except NotSealed as error:
            raise VaultError(self.name, f"what the keyring gave: {error}", todo=_INSTEAD) from None

    async def seal(self, content: bytearray, passphrase: bytearray) -> None:
        """See ``Vault``."""
        await self._ask({"op": "probe"})  # a keyring that hangs is found before two keys are derived, not after
        container = await asyncio.to_thread(seal, content, passphrase)
        await self._ask({"op": "seal", "password": await self._password(passphrase), "container": container.decode()})

    async def _password(self, passphrase: bytearray) -> str:
        return await asyncio.to_thread(derived_password, passphrase, self.collection)

    def _needs_bus(self) -> None:
        """Say at once that there is none, before any key is derived. Raises ``VaultError``."""
        if not os.environ.get("DBUS_SESSION_BUS_ADDRESS"):
            todo = f"start the console by `dbus-run-session -- killswitch-console`, or {_INSTEAD}"
            raise VaultError(self.name, "there is no D-Bus session here", todo=todo)

    async def _ask(self, order: Mapping[str, str]) -> Mapping[str, Any]:
        self._needs_bus()
        question = json.dumps({**order, "collection": self.collection}).encode()
        try:
            answer = json.loads(await ask_child(_CHILD, question, seconds=KEYRING_SECONDS))
        except Silence as silence:
            what = f"did not answer within {KEYRING_SECONDS:g} s" if silence.timed_out else "could not be asked"
            raise VaultError(self.name, f"the Secret Service {what}", todo=_INSTEAD) from None
        except ValueError:
            raise VaultError(self.name, "the Secret Service answered nonsense", todo=_INSTEAD) from None
        self._check(answer)
        return dict(answer)

    def _check(self, answer: Any) -> None:
        """Raise what an answer says went wrong."""
        problem = answer.get("problem") if isinstance(answer, dict) else "broken"
        if problem is None:
            return
        if problem == "denied":
            raise VaultLocked(self.name, "the passphrase does not open it")
        if problem == "missing":
            raise VaultEmpty(self.name, f"nothing is kept in {self.place}", todo="breakglass enrol")
        what, todo = _PROBLEMS.get(str(problem), _PROBLEMS["broken"])
        detail = str(answer.get("detail", ""))[:200] if isinstance(answer, dict) else ""
        raise VaultError(self.name, f"{what}: {detail}" if detail else what, todo=todo)
