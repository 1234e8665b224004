"""From an error's type to the one line a person reads and the exit code a script reads (design.md section 5).

The line says what happened, where, and what to do next. Most errors know their next step themselves; for those that
cannot (a type that is raised deep down, where no command is known), it stands here.
"""

from __future__ import annotations

from dataclasses import dataclass

from killswitch_backends.problems import (
    Blocked,
    Changed,
    Gone,
    Problem,
    Refused,
    Throttled,
    Unauthenticated,
    Unreachable,
    Unsupported,
)
from killswitch_console.audit.events import Unreadable
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
from killswitch_console.halting.read_only import ReadOnlyRefused
from killswitch_console.halting.recording import RecordingNeeded
from killswitch_console.halting.restore_desk import NothingToRestore
from killswitch_console.hostile import clean
from killswitch_console.private import NotPrivate
from killswitch_console.vault.credential import CredentialError
from killswitch_console.vault.register import RegisterError
from killswitch_console.vault.vault import VaultError
from killswitch_console.vault.vaults import NoVaultOpened
from killswitch_inventory.scopes import ScopeError


class UsageError(Exception):
    """The command was not used as it can be; says how."""


@dataclass(frozen=True, slots=True)
class Edge:
    """What an error's type means at the command line."""

    kind: type[Exception]
    code: int
    next: str = ""
    """What to do now, where the error does not say it."""


EDGES: tuple[Edge, ...] = (
    Edge(NotConfirmed, REFUSED),
    Edge(CollateralNotAccepted, REFUSED),
    Edge(WouldLockOut, REFUSED),
    Edge(ReadOnlyRefused, REFUSED, "open the console without --read-only, or use the commands"),
    Edge(NotAuthorised, REFUSED, "somebody whose role allows it must act; `runbook` names whom to reach"),
    Edge(NoVaultOpened, UNPROVEN, "`breakglass list` shows every vault and why it is closed"),
    Edge(VaultError, UNPROVEN, "`breakglass list` shows every vault and why it is closed"),
    Edge(RegisterError, USAGE, "put it right or away, then run `breakglass test`, which writes it anew"),
    Edge(CredentialError, USAGE, "`breakglass enrol --help` tells what each kind needs"),
    Edge(ApprovalNeeded, REFUSED),
    Edge(SamePerson, REFUSED, "let another account restore it, or use --alone REASON: a security event"),
    Edge(HaltBusy, REFUSED, "`status` shows how far it is; wait, or end that process"),
    Edge(NothingToRestore, USAGE, "`status HALT` shows what it changed"),
    Edge(UsageError, USAGE),
    Edge(ConfigurationError, USAGE, "`init --print` shows every key with a sample"),
    Edge(ScopeError, USAGE, "`agents` lists what there is"),
    Edge(UnknownHalt, USAGE, "`status` lists them; `status --marks` looks at the platforms too"),
    Edge(AlreadyRestored, USAGE),
    Edge(NotPrivate, USAGE, "`check` lists all that others have a hand in"),
    Edge(LedgerNeeded, USAGE, "see that its disk is there, has room and is writable; halting goes on without it"),
    Edge(LedgerError, USAGE, "see that its disk is there, has room and is writable; halting goes on without it"),
    Edge(RecordingNeeded, USAGE, "`check` says what is wrong with the trail; halting goes on without it"),
    Edge(TrailUnavailable, UNPROVEN, "see that its disk is there and readable; `check` says more"),
    Edge(Unreadable, UNPROVEN, "`audit verify` says which event was changed"),
    Edge(EmptyScope, USAGE, "`agents` lists what there is"),
    Edge(Unreachable, UNPROVEN, "look at the network and the address; `check` tries every platform"),
    Edge(Throttled, UNPROVEN, "wait a moment, then try again; `resume` goes on with a halt"),
    Edge(Changed, UNPROVEN, "try again: it is captured anew"),
    Edge(Unauthenticated, UNPROVEN, "renew these credentials, or act with --break-glass; `check` tries them"),
    Edge(Blocked, UNPROVEN, "have the change approved on that platform, then run `resume`"),
    Edge(Refused, UNPROVEN, "`policy` prints the rights that are needed; `check` says which are missing"),
    Edge(Gone, UNPROVEN, "`agents` lists what there is now"),
    Edge(Unsupported, UNPROVEN, "`plan` shows at which other layer it can be stopped"),
    Edge(Problem, UNPROVEN, "`check` tries every platform and says what is wrong"),
)
"""The first that fits counts: subclasses before their bases."""


def explain(error: Exception) -> tuple[str, int]:
    """One clean line and the exit code for an error."""
    for edge in EDGES:
        if isinstance(error, edge.kind):
            return clean(_line(error, edge), most=1000), _code(error, edge)
    return clean(f"internal error: {error!r} (--debug shows where)", most=1000), INTERNAL


def _line(error: Exception, edge: Edge) -> str:
    text = str(error)
    knows = isinstance(error, Problem | VaultError) and error.todo
    return text if knows or not edge.next or _names_a_command(text) else f"{text}; next: {edge.next}"


def _names_a_command(text: str) -> bool:
    """Whether an error says itself what to run."""
    return "`" in text or " --" in text


def _code(error: Exception, edge: Edge) -> int:
    return UNPROVEN if isinstance(error, EmptyScope) and error.todo else edge.code
