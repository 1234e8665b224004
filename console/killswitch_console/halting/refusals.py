"""What the engine refuses, before anything is changed."""

from __future__ import annotations


class UnknownHalt(Exception):
    """No halt of that id is known to this bastion's ledger."""


class AlreadyRestored(Exception):
    """The halt was put back: there is nothing to resume."""


class CollateralNotAccepted(Exception):
    """The plan would hit agents outside its scope, and nobody accepted that."""


class WouldLockOut(Exception):
    """The plan's scope holds targets that carry the identity this console acts as (safety rule 4)."""


class LedgerNeeded(Exception):
    """The ledger cannot be used; a restore fails closed without it."""
