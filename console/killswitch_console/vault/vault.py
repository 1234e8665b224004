"""A vault: somewhere outside this process where one sealed container is kept. Kinds of vault implement ``Vault``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class VaultState(StrEnum):
    """How a vault is, found without its passphrase."""

    SEALED = "sealed"
    MISSING = "missing"
    """Nothing was enrolled in it."""
    OPEN = "open"
    """Its keyring collection is unlocked: any process of this account can fetch the container."""
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class Probe:
    """What a look at a vault found, and what a person can do."""

    state: VaultState
    detail: str = ""
    todo: str = ""
    sealed_at: datetime | None = None


class VaultError(Exception):
    """A vault cannot be used; one line that says why, and what to do. Never holds a secret."""

    def __init__(self, vault: str, what: str, *, todo: str = "") -> None:
        super().__init__(vault, what, todo)
        self.vault, self.what, self.todo = vault, what, todo

    def __str__(self) -> str:
        return f"vault {self.vault}: {self.what}" + (f" ({self.todo})" if self.todo else "")


class VaultLocked(VaultError):
    """The passphrase does not open it."""


class VaultEmpty(VaultError):
    """Nothing was enrolled in it yet."""


class Vault(Protocol):
    """One ``[[vault]]`` table. No operation takes longer than a few seconds, whatever is behind it."""

    @property
    def name(self) -> str: ...

    @property
    def custodian(self) -> str:
        """Who keeps its passphrase; empty where that is not said."""
        ...

    @property
    def place(self) -> str:
        """Where it is, for a person."""
        ...

    async def probe(self) -> Probe:
        """Look at it without a passphrase. Never raises for a vault that cannot be used."""
        ...

    async def unseal(self, passphrase: bytearray) -> bytearray:
        """What it holds: wipe it after use. It is sealed again before this returns.

        Raises:
            VaultLocked, VaultEmpty: the passphrase is wrong; nothing was enrolled.
            VaultError: it cannot be used.
        """
        ...

    async def seal(self, content: bytearray, passphrase: bytearray) -> None:
        """Keep ``content`` under a passphrase, in place of what it held. Raises ``VaultError``."""
        ...
