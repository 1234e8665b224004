"""The gate that every invocation passes: who is it, may they, and who is told. Before anything is changed.

Refusals and overrides are recorded and notified as security events. A gate that cannot learn what it needs refuses; the
override is there for that, where the configuration allows it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, replace
from typing import Any, Protocol

from killswitch_backends.problems import Problem
from killswitch_backends.protocol import Backend
from killswitch_console.authority.invoker import Invoker, PlatformName
from killswitch_console.authority.roles import Authority, NotAuthorised
from killswitch_console.halting.recording import Recorder
from killswitch_console.notify.notice import Notice, NoticeKind, Notifier
from killswitch_inventory.agents import AgentKey
from killswitch_inventory.scopes import Scope
from killswitch_inventory.targets import BackendRef

IDENTITY_SECONDS = 5.0
"""How long platforms may take to say whom they take us for, when a role hangs on it."""

_LOG = logging.getLogger(__name__)

Backends = Callable[[], Mapping[BackendRef, Backend]]


class Safeguard(Protocol):
    """A further condition of what changes a scope, such as broken glass makes."""

    async def __call__(self, scope: Scope, *, invoker: Invoker, act: str) -> None:
        """Let it pass, or raise ``NotAuthorised``."""


async def _none(scope: Scope, *, invoker: Invoker, act: str) -> None:
    del scope, invoker, act


class Gate:
    """One engine's gate. ``authority`` None: no roles are configured, and everyone may."""

    def __init__(
        self,
        authority: Authority | None,
        *,
        environment: str,
        backends: Backends,
        recorder: Recorder,
        notifier: Notifier,
        safeguard: Safeguard = _none,
    ) -> None:
        self._authority, self._environment, self._backends = authority, environment, backends
        self._safeguard = safeguard
        self._recorder, self._notifier = recorder, notifier
        self._names: dict[BackendRef, PlatformName] = {}
        self._asking = asyncio.Lock()

    async def identify(self) -> tuple[PlatformName, ...]:
        """Ask every open backend that has not said yet whom it takes us for; what is known then."""
        async with self._asking:
            unasked = {ref: backend for ref, backend in self._backends().items() if ref not in self._names}
            await asyncio.gather(*(self._learn(ref, backend) for ref, backend in unasked.items()))
            return self.names

    async def _learn(self, ref: BackendRef, backend: Backend) -> None:
        """Ask one backend, for as long as it is the one that is open: a slow one keeps no other's answer back."""
        name = await _name(ref, backend)
        if name is not None and self._backends().get(ref) is backend:
            self._names[ref] = name

    @property
    def names(self) -> tuple[PlatformName, ...]:
        """Whom the platforms take us for, as far as they have said."""
        return tuple(self._names[ref] for ref in sorted(self._names))

    def forget(self) -> None:
        """Ask anew next time: the credentials changed."""
        self._names.clear()

    async def admit(
        self, invoker: Invoker, *, act: str, scope: Scope, agents: Iterable[AgentKey], reason: str = ""
    ) -> Invoker:
        """Let a person do something, or not; the invoker as it is to be recorded.

        Raises:
            NotAuthorised: when no role of theirs allows it, and the override is not configured or not used; or when a
                safeguard does not let it pass.
        """
        members = tuple(agents)
        invoker = replace(invoker, platforms=self.names)
        if self._authority is None:
            admitted = replace(invoker, override=None)  # without roles there is nothing to override
        else:
            admitted = await self._permitted(self._authority, invoker, act, scope, members)
        await self._safeguard(scope, invoker=admitted, act=act)
        self._tell(admitted, act, scope, len(members), reason)
        return admitted

    async def admit_any(self, invoker: Invoker, *, act: str) -> Invoker:
        """Let a person do something that needs a role, whichever it is, in this environment.

        Raises:
            NotAuthorised: when they have none, and the override is not configured or not used.
        """
        invoker = replace(invoker, platforms=self.names)
        if self._authority is None:
            return replace(invoker, override=None)
        if (role := self._authority.role_of(invoker, self._environment)) is None:
            invoker = replace(invoker, platforms=await self.identify())
            role = self._authority.role_of(invoker, self._environment)
        if role is None:
            await self._without_role(invoker, self._authority, act)
        return replace(invoker, role=role, override=None if role else invoker.override)

    async def _without_role(self, invoker: Invoker, authority: Authority, act: str) -> None:
        ask = {"act": act, "scope": "", "environment": self._environment}
        if authority.override and invoker.override:
            await self._misused("authority.overridden", f"OVERRIDE: {invoker} may {act} without a role", invoker, ask)
            return
        why = f"{invoker} may not {act} in {self._environment}: has no role; nothing was done"
        await self._misused("authority.refused", f"REFUSED: {why}", invoker, ask)
        raise NotAuthorised(why)

    async def _permitted(
        self, authority: Authority, invoker: Invoker, act: str, scope: Scope, agents: tuple[AgentKey, ...]
    ) -> Invoker:
        ask = {"act": act, "scope": scope, "agents": agents, "environment": self._environment}
        try:
            role = authority.permit(replace(invoker, override=None), **ask)  # type: ignore[arg-type]
        except NotAuthorised:
            invoker = replace(invoker, platforms=await self.identify())
            role = await self._second_look(authority, invoker, ask)
        return replace(invoker, role=role, override=None if role else invoker.override)

    async def _second_look(self, authority: Authority, invoker: Invoker, ask: Mapping[str, Any]) -> str | None:
        """With all identities, and the override: either way, it is a security event unless a role is found."""
        try:
            role = authority.permit(invoker, **ask)
        except NotAuthorised as refusal:
            await self._misused("authority.refused", f"REFUSED: {refusal}", invoker, ask)
            raise
        if role is None:
            title = f"OVERRIDE: {invoker} acts outside their role: {ask['act']} {ask['scope']} in {self._environment}"
            await self._misused("authority.overridden", title, invoker, ask)
        return role

    async def _misused(self, kind: str, title: str, invoker: Invoker, ask: Mapping[str, Any]) -> None:
        why = invoker.override or ""
        self._notifier.tell(Notice(NoticeKind.MISUSE, title, (f"reason given: {why}",) if why else ()))
        particulars = {"act": ask["act"], "scope": str(ask["scope"]), "environment": self._environment, "what": title}
        await self._recorder.record(kind, {**particulars, "override": why, "invoker": asdict(invoker)})

    def _tell(self, invoker: Invoker, act: str, scope: Scope, agents: int, reason: str) -> None:
        kind = NoticeKind.RESTORE if act == "restore" else NoticeKind.INVOCATION
        count = f"{agents} agent{'' if agents == 1 else 's'}"
        title = f"{act} of {scope} in {self._environment} by {invoker} ({count})"
        self._notifier.tell(Notice(kind, title, (f"reason: {reason}",) if reason else ()))


async def _name(ref: BackendRef, backend: Backend) -> PlatformName | None:
    try:
        async with asyncio.timeout(IDENTITY_SECONDS):
            who = await backend.identity()
    except (Problem, TimeoutError):  # the fleet view says what is wrong with it; a role it would give is not given
        return None
    except Exception as defect:  # noqa: BLE001  (one broken backend must not keep the others from being asked)
        _LOG.warning("%s: asking for its identity failed: %r", ref, defect)
        return None
    return PlatformName(backend=str(ref), name=who.name, account=who.account, related=who.related)
