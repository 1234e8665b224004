"""Asking a person at a terminal; without one, and without ``--confirm``, a change is refused (safety rule 5)."""

from __future__ import annotations

import sys

from killswitch_console.halting.confirmation import NotConfirmed, confirm, required_confirmation
from killswitch_inventory.scopes import Scope


def can_ask() -> bool:
    """Whether a person sits at both ends."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def decide_early(given: str | None, scope: Scope, environment: str, *, restore: bool = False) -> None:
    """Refuse before anything is opened what cannot be confirmed later. Raises ``NotConfirmed``."""
    if given is not None or not can_ask():
        confirm(scope, environment, given, restore=restore)


def ask(given: str | None, scope: Scope, environment: str, *, restore: bool = False) -> None:
    """Take ``--confirm``, or ask for it. Raises ``NotConfirmed``."""
    if given is None and can_ask():
        needed = required_confirmation(scope, environment, restore=restore)
        print(
            f"Type {needed!r} to {'restore' if restore else 'halt'} {scope}, anything else to cancel: ",
            end="",
            file=sys.stderr,
        )
        sys.stderr.flush()
        given = sys.stdin.readline().strip()
        if not given:
            raise NotConfirmed("cancelled; nothing was done")
    confirm(scope, environment, given, restore=restore)
