"""Scopes: which agents a halt is meant for, and how wide that is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from killswitch_inventory.agents import AgentKey

_EXPECTED = "agent:NAME, instance:AGENT/INSTANCE, tenant:NAME, class:NAME or global"


class ScopeError(ValueError):
    """A text that is not a scope; the message says what one looks like."""


class ScopeKind(StrEnum):
    """The kinds of scope, narrowest first."""

    INSTANCE = "instance"
    AGENT = "agent"
    TENANT = "tenant"
    CLASS = "class"
    GLOBAL = "global"


@dataclass(frozen=True, slots=True)
class Scope:
    """A scope such as ``class:refund`` or ``instance:refund-1/refund-1-x7k2p`` (design.md section 1)."""

    kind: ScopeKind
    name: str = ""
    instance: str = ""

    def __str__(self) -> str:
        if self.kind is ScopeKind.GLOBAL:
            return "global"
        if self.kind is ScopeKind.INSTANCE:
            return f"instance:{self.name}/{self.instance}"
        return f"{self.kind}:{self.name}"

    @classmethod
    def parse(cls, text: str) -> Scope:
        """Read a scope as typed.

        Raises:
            ScopeError: for an unknown kind or a missing name.
        """
        if text == "global":
            return cls(ScopeKind.GLOBAL)
        kind, colon, name = text.partition(":")
        if not colon or not name or kind not in {k.value for k in ScopeKind} or kind == ScopeKind.GLOBAL:
            raise ScopeError(f"{text!r} is not a scope; expected {_EXPECTED}")
        if kind != ScopeKind.INSTANCE:
            return cls(ScopeKind(kind), name)
        agent, slash, instance = name.partition("/")
        if not (agent and slash and instance):
            raise ScopeError(f"{text!r} names no instance; expected instance:AGENT/INSTANCE")
        return cls(ScopeKind.INSTANCE, agent, instance)

    def covers(self, key: AgentKey) -> bool:
        """Whether an agent is within this scope (for an instance: whether it is that instance's agent)."""
        match self.kind:
            case ScopeKind.GLOBAL:
                return True
            case ScopeKind.CLASS:
                return key.agent_class == self.name
            case ScopeKind.TENANT:
                return key.tenant == self.name
            case ScopeKind.AGENT | ScopeKind.INSTANCE:
                return key.name == self.name
