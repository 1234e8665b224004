"""Whether something that happened is what a scenario's pattern speaks of."""

from __future__ import annotations

from killswitch_console.drills.happened import Happened
from killswitch_console.drills.scenario import Pattern
from killswitch_inventory.scopes import Scope


def matches(pattern: Pattern, happened: Happened) -> bool:
    """Whether an event carries every detail of a pattern."""
    if pattern.event != happened.event:
        return False
    facts = happened.facts
    if pattern.scope_kind is not None and _kind(facts.get("scope")) not in pattern.scope_kind:
        return False
    for name in ("inject", "scope", "verdict", "layer"):
        wanted = getattr(pattern, name)
        if wanted is not None and facts.get(name) != str(wanted):
            return False
    return True


def _kind(scope: object) -> str | None:
    return str(Scope.parse(scope).kind) if isinstance(scope, str) else None
