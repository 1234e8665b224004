"""Friction that grows with blast radius: what a person must type for which scope (design.md safety rule 5). Pure."""

from __future__ import annotations

from killswitch_inventory.scopes import Scope, ScopeKind


class NotConfirmed(Exception):
    """The confirmation is missing or does not match; nothing was done."""


def required_confirmation(scope: Scope, environment: str, *, restore: bool = False) -> str:
    """The exact text that confirms a halt (or a restore) of this scope."""
    match scope.kind:
        case ScopeKind.GLOBAL:
            return f"{'RESTORE' if restore else 'HALT'} {environment}"
        case ScopeKind.CLASS | ScopeKind.TENANT:
            return scope.name
        case ScopeKind.AGENT | ScopeKind.INSTANCE:
            return "yes"


def required_for_several(agents: int) -> str:
    """The exact text that confirms halts of so many agents at once: more than the one key that is enough for one."""
    return "yes" if agents == 1 else f"HALT {agents}"


def confirm(scope: Scope, environment: str, typed: str | None, *, restore: bool = False) -> None:
    """Accept or refuse what was typed.

    Raises:
        NotConfirmed: naming what would have been accepted.
    """
    needed = required_confirmation(scope, environment, restore=restore)
    if typed is None:
        raise NotConfirmed(f"{scope} needs a confirmation: --confirm {needed!r}")
    if typed != needed:
        raise NotConfirmed(f"{typed!r} does not confirm {scope}; nothing was done (it takes {needed!r})")
