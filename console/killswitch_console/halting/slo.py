"""Published time-to-halt: how long a scope or a backend may take from confirmation to proof. Pure arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from killswitch_inventory.scopes import Scope, ScopeKind


@dataclass(frozen=True, slots=True)
class Objectives:
    """Seconds from confirmation to proof, per scope and per kind of backend (``[slo]`` of the configuration)."""

    scopes: Mapping[str, float] = field(default_factory=lambda: {"agent": 30, "tenant": 60, "class": 60, "global": 120})
    backends: Mapping[str, float] = field(
        default_factory=lambda: {"kubernetes": 45, "lambda": 30, "iam": 60, "launchdarkly": 5}
    )

    def of_scope(self, scope: Scope) -> float:
        """Seconds for a scope; an instance has its agent's objective."""
        kind = ScopeKind.AGENT if scope.kind is ScopeKind.INSTANCE else scope.kind
        return self.scopes[kind]

    def of_backend(self, kind: str) -> float | None:
        """Seconds for a kind of backend, or None where none is published."""
        return self.backends.get(kind)
