"""What an engine is told of break-glass before any is broken: vaults, register, and how tables are opened then."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from killswitch_backends.emergency import EmergencyCredential, Lend
from killswitch_console.halting.sighting import Opener
from killswitch_console.vault.register import Register
from killswitch_console.vault.vault import Vault
from killswitch_inventory.scopes import ScopeKind
from killswitch_inventory.targets import BackendRef

EmergencyOpener = Callable[[Sequence[EmergencyCredential], Lend], Opener]
"""How one table is opened with other credentials, all of them at once. Raises ``UnusableCredential``."""


@dataclass(frozen=True, slots=True)
class GlassSettings:
    """What an engine needs to know of break-glass."""

    vaults: Sequence[Vault] = ()
    """In the configuration's order."""
    openers: Mapping[BackendRef, EmergencyOpener] = field(default_factory=dict)
    register: Register | None = None
    learn: Callable[[str], None] = lambda _: None
    """Told each secret, so that it is blanked wherever it might show."""
    forget: Callable[[str], None] = lambda _: None
    """Told each secret once it is sealed again."""
    two_custodians: frozenset[ScopeKind] = frozenset()
    """Scopes that take two custodians when they are halted, resumed or restored with broken glass."""
