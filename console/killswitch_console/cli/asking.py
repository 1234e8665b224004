"""Asking a person at a terminal; without one, and without ``--confirm``, a change is refused (safety rule 5)."""

from __future__ import annotations

import sys
from collections.abc import Sequence

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


def ask_any(given: str | None, scopes: Sequence[Scope], environment: str) -> None:
    """Confirm the restore of a halt that had one of these scopes: the text for any of them will do, asked for the last.

    Raises:
        NotConfirmed: none was given.
    """
    for scope in scopes[:-1]:
        if given == required_confirmation(scope, environment, restore=True):
            return
    ask(given, scopes[-1], environment, restore=True)
