"""``check``: would a halt work here, and would it stop anything - found without changing a flag or firing a trigger."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import aclosing
from datetime import datetime

from killswitch_backends.agent_reports.reader import Reader
from killswitch_backends.checking import Finding, Standing
from killswitch_backends.launchdarkly.api import Api, together
from killswitch_backends.launchdarkly.flags import FlagState, mark_key
from killswitch_backends.launchdarkly.observer import Observer
from killswitch_backends.launchdarkly.observing import RENEW_EVERY
from killswitch_backends.launchdarkly.soundness import stops, unsound
from killswitch_backends.launchdarkly.triggers import Triggers
from killswitch_backends.problems import Blocked, Problem, Refused
from killswitch_backends.protocol import Json
from killswitch_inventory.targets import BackendRef

TRIED = 20
"""Flags on which the token's rights are tried, by a patch that is not carried out: roles may differ by tag."""

_CONNECT = 3.0
_NAMED = 5
_TRIAL_MARK = "killswitch-console check"


class Check:
    """One look at one table."""

    def __init__(
        self,
        *,
        ref: BackendRef,
        environment: str,
        api: Api,
        observer: Observer,
        triggers: Triggers,
        reader: Reader | None,
        now: Callable[[], datetime],
    ) -> None:
        self._ref, self._environment = ref, environment
        self._api, self._observer, self._triggers, self._reader = api, observer, triggers, reader
        self._now = now

    async def run(self) -> list[Finding]:
        """All findings: the table's first, then its flags'."""
        findings = [await self._identity(), await self._stream()]
        try:
            flags = await self._flags()
        except Problem as problem:
            return [*findings, self._table(Standing.PROBLEM, f"its flags cannot be read: {problem.what}")]
        findings.append(self._counted(flags))
        findings.append(await self._approvals())
        findings += await together(self._rights(flag) for flag in flags[:TRIED])
        findings += [self._sound(flag) for flag in flags]
        findings += await self._second_path(flags)
        findings += await self._agents(flags)
        return findings

    async def _identity(self) -> Finding:
        try:
            who = await self._api.identity()
        except Problem as problem:
            return self._table(Standing.PROBLEM, f"the access token does not work: {problem.what}", todo=problem.todo)
        name = who.get("tokenName") or who.get("memberId") or who.get("tokenId") or "an unknown token"
        return self._table(Standing.OK, f"acts as {name}")

    async def _stream(self) -> Finding:
        """Whether the observer is connected, and how old what it holds is."""
        await self._observer.start()
        connected = await self._observer.valid_within(_CONNECT)
        if connected and self._age() > RENEW_EVERY:
            await self._observer.renew()  # a stream that stands still looks connected for minutes
        status = self._observer.status()
        if not connected or status.since is None:
            what = f"nothing can be proven: {status.note or 'no data yet'}"
            return self._table(Standing.PROBLEM, what, todo="check sdk_key and stream_uri")
        return self._table(Standing.OK, f"the observing SDK client is connected, whole since {self._age():.0f} s")

    def _age(self) -> float:
        """Seconds since all that is served was last received whole."""
        since = self._observer.status().since
        return 0.0 if since is None else max(0.0, (self._now() - since).total_seconds())

    async def _flags(self) -> list[FlagState]:
        async with aclosing(self._api.flags()) as listed:
            return [flag async for flag in listed]

    def _counted(self, flags: Sequence[FlagState]) -> Finding:
        if not flags:
            return self._table(Standing.WARNING, "no flag carries the configured tag: nothing here can be halted")
        off = sum(not flag.on for flag in flags)
        return self._table(Standing.OK, f"{len(flags)} flags carry the tag, {off} of them are off now")

    async def _approvals(self) -> Finding:
        try:
            settings = await self._api.approval_settings()
        except Problem as problem:
            return self._table(Standing.UNKNOWN, f"approval settings could not be looked up: {problem.what}")
        if not settings.get("required"):
            return self._table(Standing.OK, "the environment requires no approvals")
        tags = ", ".join(map(str, settings.get("requiredApprovalTags") or [])) or "every flag"
        todo = "give the token bypassRequiredApproval, or the flags a trigger"
        return self._table(Standing.WARNING, f"the environment requires approvals for {tags}", todo=todo)

    async def _rights(self, flag: FlagState) -> Finding:
        """Whether the token may turn a flag off and leave a mark, as the API says to a patch that it does not make."""
        off = {"kind": "turnFlagOff"}
        values = [_TRIAL_MARK]
        mark = {"kind": "addCustomProperties", "key": mark_key(self._environment), "name": values[0], "values": values}
        try:
            await self._api.try_patch(flag.key, [off, mark])
        except Blocked as problem:
            return self._flag(flag, Standing.PROBLEM, f"a halt will be blocked: {problem.what}", todo=problem.todo)
        except Refused as refusal:
            return await self._rights_without_mark(flag, off, refusal)
        except Problem as problem:
            return self._flag(flag, Standing.UNKNOWN, f"rights could not be tried: {problem.what}")
        return self._flag(flag, Standing.OK, "the token may turn it off and leave a mark")

    async def _rights_without_mark(self, flag: FlagState, off: dict[str, Json], refusal: Problem) -> Finding:
        try:
            await self._api.try_patch(flag.key, [off])
        except Problem as problem:
            todo = "give the token updateOn on it" + (", its trigger remains" if self._has_trigger(flag) else "")
            return self._flag(flag, Standing.PROBLEM, f"the token may not turn it off: {problem.what}", todo=todo)
        what = f"the token may turn it off, but leave no mark: {refusal.what}"
        return self._flag(flag, Standing.WARNING, what, todo="give it updateFlagCustomProperties")

    def _sound(self, flag: FlagState) -> Finding:
        if why := unsound(flag):
            return self._flag(flag, Standing.PROBLEM, why)
        value = flag.off_value
        if stops(value):
            return self._flag(flag, Standing.OK, f"off serves {value!r}, a stop value")
        return self._flag(flag, Standing.WARNING, f"off serves {value!r}: check that agents take it as off")

    async def _second_path(self, flags: Sequence[FlagState]) -> list[Finding]:
        """Whether the triggers' URLs can be had; they are neither shown nor used."""
        having = [flag for flag in flags if self._has_trigger(flag)]
        if not having:
            what = "no flag has a trigger: while the REST API refuses or is down, none can be turned off"
            return [self._table(Standing.WARNING, what)]
        found = []
        for flag in having:
            try:
                await self._triggers.resolve(flag.key)
            except Problem as problem:
                found.append(self._flag(flag, Standing.WARNING, f"its trigger cannot be used: {problem.what}"))
        told = f"{len(having) - len(found)} of {len(flags)} flags have a trigger as a second path"
        return [self._table(Standing.OK if not found else Standing.WARNING, told), *found]

    def _has_trigger(self, flag: FlagState) -> bool:
        return self._triggers.reference(flag.key) is not None

    async def _agents(self, flags: Sequence[FlagState]) -> list[Finding]:
        """What agents themselves tell: that they do, and what they do when they have no flag to go by."""
        if self._reader is None:
            what = "agents report nothing (no reports_uri): which of them hold a stale value cannot be told"
            return [self._table(Standing.WARNING, what)]
        try:
            await self._reader.read_once()
        except Problem as problem:
            return [self._table(Standing.UNKNOWN, f"the reports of agents cannot be read: {problem.what}")]
        open_ended = [finding for flag in flags if (finding := self._defaults(flag, self._reader))]
        known = sum(bool(self._reader.defaults(flag.key)) for flag in flags)
        told = f"agents of {known} of {len(flags)} flags report; their code's default is known"
        return [self._table(Standing.OK if known == len(flags) else Standing.WARNING, told), *open_ended]

    def _defaults(self, flag: FlagState, reader: Reader) -> Finding | None:
        """A problem where agents go on when they cannot ask."""
        going_on = sorted(name for name, default in reader.defaults(flag.key).items() if not stops(default))
        if not going_on:
            return None
        more = f" and {len(going_on) - _NAMED} more" if len(going_on) > _NAMED else ""
        what = f"fails open: {', '.join(going_on[:_NAMED])}{more} go on by their code's default without a flag"
        return self._flag(flag, Standing.PROBLEM, what, todo="make the default in their code the stop value")

    def _table(self, standing: Standing, what: str, *, todo: str = "") -> Finding:
        return Finding(str(self._ref), standing, what, todo)

    def _flag(self, flag: FlagState, standing: Standing, what: str, *, todo: str = "") -> Finding:
        return Finding(f"{self._ref}/{flag.key}", standing, what, todo)
