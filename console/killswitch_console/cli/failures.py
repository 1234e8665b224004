"""From an error's type to the one line a person reads and the exit code a script reads (design.md section 5)."""

from __future__ import annotations

from killswitch_backends.problems import Problem
from killswitch_console.audit.storage import TrailUnavailable
from killswitch_console.authority.roles import NotAuthorised
from killswitch_console.cli.main import INTERNAL, REFUSED, UNPROVEN, USAGE
from killswitch_console.config import ConfigurationError
from killswitch_console.halting.approving import ApprovalNeeded, SamePerson
from killswitch_console.halting.confirmation import NotConfirmed
from killswitch_console.halting.engine import (
    AlreadyRestored,
    CollateralNotAccepted,
    LedgerNeeded,
    UnknownHalt,
    WouldLockOut,
)
from killswitch_console.halting.lease import HaltBusy
from killswitch_console.halting.ledger import LedgerError
from killswitch_console.halting.planning import EmptyScope
from killswitch_console.halting.recording import RecordingNeeded
from killswitch_console.halting.restore_desk import NothingToRestore
from killswitch_console.hostile import clean
from killswitch_console.vault.credential import CredentialError
from killswitch_console.vault.register import RegisterError
from killswitch_console.vault.vault import VaultError
from killswitch_console.vault.vaults import NoVaultOpened
from killswitch_inventory.scopes import ScopeError


class UsageError(Exception):
    """The command was not used as it can be; says how."""


_CODES: tuple[tuple[type[Exception], int], ...] = (
    (NotConfirmed, REFUSED),
    (CollateralNotAccepted, REFUSED),
    (WouldLockOut, REFUSED),
    (NotAuthorised, REFUSED),
    (NoVaultOpened, UNPROVEN),
    (VaultError, UNPROVEN),
    (RegisterError, USAGE),
    (CredentialError, USAGE),
    (ApprovalNeeded, REFUSED),
    (SamePerson, REFUSED),
    (HaltBusy, REFUSED),
    (NothingToRestore, USAGE),
    (UsageError, USAGE),
    (ConfigurationError, USAGE),
    (ScopeError, USAGE),
    (UnknownHalt, USAGE),
    (AlreadyRestored, USAGE),
    (LedgerNeeded, USAGE),
    (LedgerError, USAGE),
    (RecordingNeeded, USAGE),
    (TrailUnavailable, UNPROVEN),
    (Problem, UNPROVEN),
)


def explain(error: Exception) -> tuple[str, int]:
    """One clean line and the exit code for an error."""
    if isinstance(error, EmptyScope):
        return clean(str(error), most=1000), UNPROVEN if error.todo else USAGE
    for kind, code in _CODES:
        if isinstance(error, kind):
            return clean(str(error), most=1000), code
    return clean(f"internal error: {error!r} (--debug shows where)", most=1000), INTERNAL
