"""Roles: who may invoke which scope in which environment (``[authority]``). Pure; decides, and does nothing else.

This is a seat belt, not the fence: whoever can run this program can run another one with the same credentials. The
fence is what the platforms allow those credentials (``policy``).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from killswitch_console.authority.invoker import Invoker, PlatformName
from killswitch_inventory.agents import AgentKey
from killswitch_inventory.scopes import Scope, ScopeKind

PRINCIPAL_KINDS = ("os", "aws", "kubernetes", "launchdarkly")

_WITHIN: dict[str, tuple[ScopeKind, ...]] = {
    "instance": (ScopeKind.INSTANCE,),
    "agent": (ScopeKind.AGENT, ScopeKind.INSTANCE),
    "tenant": (ScopeKind.TENANT, ScopeKind.AGENT, ScopeKind.INSTANCE),
    "class": (ScopeKind.CLASS, ScopeKind.AGENT, ScopeKind.INSTANCE),
    "global": tuple(ScopeKind),
}
"""The scopes that a kind grants: itself, and what is never wider than it."""


class NotAuthorised(Exception):
    """A person may not do something here; nothing was done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """One ``[[authority.role]]``."""

    name: str
    principals: tuple[str, ...]
    """``os:ACCOUNT``, ``os:%GROUP``, ``aws:ARN``, ``kubernetes:USER-OR-GROUP``, ``launchdarkly:TOKEN``; with ``*``."""
    scopes: tuple[str, ...]
    """Kinds (``class``), single scopes (``class:refund``), or ``global``."""
    environments: tuple[str, ...] = ("*",)

    def has(self, principals: Iterable[str]) -> bool:
        """Whether one of these principals holds this role."""
        return any(fnmatchcase(held, pattern) for held in principals for pattern in self.principals)

    def allows(self, scope: Scope, agents: Iterable[AgentKey], environment: str) -> bool:
        """Whether this role may invoke a scope, which at present means these agents."""
        if not any(fnmatchcase(environment, pattern) for pattern in self.environments):
            return False
        members = tuple(agents)
        return any(_grants(granted, scope, members) for granted in self.scopes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """The ``[authority]`` table."""

    roles: tuple[Role, ...]
    override: bool = False
    """Whether a person outside the roles may act all the same, with a reason: a security event."""

    def permit(
        self, invoker: Invoker, *, act: str, scope: Scope, agents: Iterable[AgentKey], environment: str
    ) -> str | None:
        """The name of the role that allows an act; None where only the override does.

        Raises:
            NotAuthorised: naming who was refused what, and what they may do about it.
        """
        members = tuple(agents)
        principals = principals_of(invoker)
        held = [role for role in self.roles if role.has(principals)]
        for role in held:
            if role.allows(scope, members, environment):
                return role.name
        if self.override and invoker.override:
            return None
        roles = "has no role" if not held else f"is {' and '.join(role.name for role in held)}, which may not"
        way = "; --override REASON acts all the same, and is a security event" if self.override else ""
        raise NotAuthorised(f"{invoker} may not {act} {scope} in {environment}: {roles}; nothing was done{way}")

    def role_of(self, invoker: Invoker, environment: str) -> str | None:
        """A role that this person has in an environment, if any."""
        principals = principals_of(invoker)
        held = (role for role in self.roles if role.has(principals))
        return next((r.name for r in held if any(fnmatchcase(environment, e) for e in r.environments)), None)


def principals_of(invoker: Invoker) -> tuple[str, ...]:
    """Everything this person is known as, most certain first."""
    accounts = [invoker.login_user, invoker.sudo_user, invoker.os_user]
    names = [f"os:{account}" for account in accounts if account]
    names += [f"os:%{group}" for group in invoker.groups]
    for platform in invoker.platforms:
        names += _known_as(platform)
    return tuple(dict.fromkeys(names))


def _known_as(platform: PlatformName) -> list[str]:
    """The principals that one platform makes of this console."""
    kind = platform.backend.partition(":")[0]
    prefix = "aws" if kind in ("lambda", "iam") else kind
    return [f"{prefix}:{name}" for name in (platform.name, *platform.related) if name]


def mismatches(
    authority: Authority | None, invoker: Invoker, environment: str, *, asked: bool = True
) -> tuple[str, ...]:
    """What does not fit between a person, their roles, and whom the platforms take this console for.

    A role that names identities of a platform says whom to expect there; one that names none expects nobody.
    ``asked``: whether the platforms have answered; before, only what they could not change is said.
    """
    if authority is None:
        return ()
    principals = principals_of(invoker)
    here = [r for r in authority.roles if any(fnmatchcase(environment, pattern) for pattern in r.environments)]
    held = [role for role in here if role.has(principals)]
    if not held and not asked and any(not p.startswith("os:") for role in here for p in role.principals):
        return ()
    if not held:
        return (f"{invoker} has no role in {environment}: a halt will be refused",)
    found = []
    for platform in invoker.platforms:
        known = _known_as(platform)
        prefixes = tuple({name.partition(":")[0] + ":" for name in known})
        expecting = [r for r in held if any(principal.startswith(prefixes) for principal in r.principals)]
        if expecting and not any(role.has(known) for role in expecting):
            roles = " and ".join(role.name for role in expecting)
            found.append(f"{platform.backend} takes this console for {platform.name}, whom role {roles} does not name")
    return tuple(found)


def _grants(granted: str, scope: Scope, members: tuple[AgentKey, ...]) -> bool:
    if granted in _WITHIN:
        return scope.kind in _WITHIN[granted]
    only = Scope.parse(granted)
    if scope == only:
        return True
    return scope.kind in _NARROWER[only.kind] and bool(members) and all(only.covers(key) for key in members)


_NARROWER: dict[ScopeKind, tuple[ScopeKind, ...]] = {
    ScopeKind.INSTANCE: (),
    ScopeKind.AGENT: (ScopeKind.INSTANCE,),
    ScopeKind.TENANT: (ScopeKind.AGENT, ScopeKind.INSTANCE),
    ScopeKind.CLASS: (ScopeKind.AGENT, ScopeKind.INSTANCE),
    ScopeKind.GLOBAL: tuple(ScopeKind),
}
"""What a grant of one single scope also allows, where all its agents lie within that scope."""
