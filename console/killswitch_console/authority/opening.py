"""What the world may know of broken glass, and whether two custodians stand behind it. Pure; holds no secret."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from killswitch_console.authority.roles import NotAuthorised
from killswitch_inventory.targets import BackendRef

CUSTODIANS_NEEDED = 2


class SecondCustodianNeeded(NotAuthorised):
    """A scope takes two custodians, one has opened the glass, and nobody took it upon themselves."""


@dataclass(frozen=True, slots=True)
class Opening:
    """Broken glass: which vault opened, what for, which backends have other credentials now, and until when."""

    vault: str
    credentials: tuple[str, ...]
    backends: tuple[BackendRef, ...]
    at: datetime
    until: datetime
    """When it is sealed again at the latest."""
    idle_until: datetime
    """When it is sealed if nobody uses it before."""
    unopened: tuple[str, ...] = ()
    """Backends that no credential of the vault opens."""
    custodians: tuple[str, ...] = ()
    """Whose vaults opened, where vaults have custodians."""
    alone: str | None = None
    """Why one custodian acts where two are asked for, if they said so: a security event once it is used."""

    @property
    def seals_at(self) -> datetime:
        """When it will be sealed as things stand."""
        return min(self.until, self.idle_until)

    @property
    def countersigned(self) -> bool:
        """Whether two custodians stand behind it."""
        return len(set(self.custodians)) >= CUSTODIANS_NEEDED
