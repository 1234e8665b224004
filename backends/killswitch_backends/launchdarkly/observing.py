"""Proof: a flag is stopped when a separate, connected SDK client is served its off value, from after the halt.

Nothing weaker counts. What the REST API says of itself is an acknowledgement; data of a client that lost its stream, or
that is older than the halt, is unknown.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Coroutine, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from killswitch_backends.agent_reports.reader import Reader
from killswitch_backends.launchdarkly.api import Api
from killswitch_backends.launchdarkly.connection import Served
from killswitch_backends.launchdarkly.halting import NO_TRACE
from killswitch_backends.launchdarkly.observer import Observer, Subscription
from killswitch_backends.problems import Problem
from killswitch_backends.protocol import AgentReports, Evidence, Grade, Observation, Sight, Watch
from killswitch_inventory.targets import TargetId

RENEW_AFTER = 3.0
"""Seconds without proof after which the observer's data is renewed."""

RENEW_EVERY = 60.0
"""Seconds after which it is renewed anyway, so that a half-open stream cannot hide a revival for longer."""

_LOOK = 0.5
"""Seconds between two looks at whether the observer's data should be renewed."""

_SETTLING = timedelta(seconds=1)
"""A connection made this soon after a change may have been served by an edge that did not have it yet."""

_NAMED_REVIVALS = 5
"""Revivals at once for which the audit log is asked who it was."""


@dataclass(slots=True)
class _Watched:
    """One target being proven."""

    watch: Watch
    since: float
    """When it came, on the loop's clock."""
    told: tuple[Sight, str, AgentReports] | None = None
    stopped: bool = False
    """Whether it was seen stopped; what is served on after that is a revival."""

    who: str = ""
    """Once it is found out: that it is on, and who turned it on."""

    @property
    def proven(self) -> bool:
        return self.told is not None and self.told[0] is Sight.STOPPED


@dataclass(frozen=True, slots=True)
class _Look:
    """What one look at a target gives: a sight and a note, with evidence when it is stopped."""

    sight: Sight
    note: str = ""
    detail: str = ""


class Proof:
    """Observes halted flags through the observer's client."""

    def __init__(
        self,
        *,
        observer: Observer,
        api: Api,
        now: Callable[[], datetime],
        reader: Callable[[], Reader | None] = lambda: None,
    ) -> None:
        """Prove through ``observer``; ``reader`` makes a new reader of what agents say themselves, if they can."""
        self._observer, self._api, self._now, self._reader = observer, api, now, reader

    async def observe(self, watches: AsyncIterable[Watch]) -> AsyncIterator[Observation]:
        """See ``Backend.observe``."""
        await self._observer.start()
        watched, helpers, reader = _Watchlist(), _Helpers(), self._reader()
        with self._observer.subscription() as changes:
            helpers.start(_collect(watches, watched, changes), "collecting flags to observe")
            if reader is not None:
                helpers.start(reader.follow(changes.changed), "following the reports of agents")
            try:
                while True:
                    await changes.wait(_LOOK)
                    helpers.check()
                    for state in watched.to_look_at(changes.take()):
                        observation = self._look(state, _reported(state.watch, reader))
                        if observation is None:
                            continue
                        if observation.note == _ON_AGAIN and watched.revived() <= _NAMED_REVIVALS:
                            helpers.start(self._who(state, changes), "asking who turned a flag on")
                        yield observation
                    if watched.time_to_check() and self._due(watched):
                        helpers.start(self._renew(), "renewing the flag observer")
            finally:
                await helpers.end()

    def _look(self, state: _Watched, reports: AgentReports) -> Observation | None:
        """An observation, if what is seen of a target, or said of it by agents, is not what was told of it."""
        look = self._judge(state)
        if look.sight is Sight.ACTING and state.who:
            look = _Look(Sight.ACTING, state.who)
        if (look.sight, look.note, reports) == state.told:
            return None
        state.told = (look.sight, look.note, reports)
        state.stopped = state.stopped or look.sight is Sight.STOPPED
        if look.sight is not Sight.ACTING:
            state.who = ""
        return self._observation(state.watch.target, look, reports)

    def _observation(self, target: TargetId, look: _Look, reports: AgentReports) -> Observation:
        at = self._now()
        evidence = Evidence(Grade.OBSERVED, look.detail, at) if look.sight is Sight.STOPPED else None
        return Observation(target, look.sight, at, evidence=evidence, note=look.note, reports=reports)

    def _judge(self, state: _Watched) -> _Look:
        """What the separate client shows of one target now."""
        status = self._observer.status()
        if not status.valid:
            return _Look(Sight.UNKNOWN, status.note)
        served = self._observer.served(state.watch.target.path)
        if served is None:
            return _Look(Sight.UNKNOWN, "not served any more (deleted or archived): agents use their code's default")
        if served.off_served:
            return self._judge_off(state, served)
        if served.reason == "OFF":
            return _Look(Sight.UNKNOWN, "off, but it has no off variation: agents use their code's default")
        return self._judge_on(state, served)

    def _judge_off(self, state: _Watched, served: Served) -> _Look:
        if not self._is_fresh(state.watch, served):
            return _Look(Sight.UNKNOWN, "served off, by data from before the halt")
        value = str(served.value)[:40]
        how = f"; turned off by its trigger: {NO_TRACE}" if state.watch.accepted.halted.get("trigger") else ""
        seen = f"a separate SDK client is served {value} (reason OFF, off variation, version {served.version})"
        return _Look(Sight.STOPPED, detail=seen + how)

    def _judge_on(self, state: _Watched, served: Served) -> _Look:
        """On: a revival, or the halt's change has not arrived yet."""
        if state.stopped or served.version > _version(state.watch) or self._received_since(state.watch):
            return _Look(Sight.ACTING, _ON_AGAIN)
        return _Look(Sight.DRAINING, "the change is on its way to SDKs")

    def _is_fresh(self, watch: Watch, served: Served) -> bool:
        """Whether what is served comes from after the halt: by its version, or by when it was received."""
        changed = self._observer.changed_at(watch.target.path)
        since = self._observer.status().since
        return (
            served.version >= _version(watch)
            or (changed is not None and changed >= watch.captured.at)
            or (since is not None and since >= watch.accepted.at)
        )

    def _received_since(self, watch: Watch) -> bool:
        """Whether all data was received anew after the halt's change must have been in it."""
        since = self._observer.status().since
        return since is not None and since >= watch.accepted.at + _SETTLING

    def _due(self, watched: _Watchlist) -> bool:
        """Whether the observer's data should be renewed."""
        now = asyncio.get_running_loop().time()
        if any(not state.proven and now - state.since > RENEW_AFTER for state in watched):
            return True
        since = self._observer.status().since
        return bool(watched) and since is not None and (self._now() - since).total_seconds() > RENEW_EVERY

    async def _renew(self) -> None:
        await self._observer.start()
        await self._observer.renew()

    async def _who(self, state: _Watched, changes: Subscription) -> None:
        """Find out who revived a target, beside the observation: that it acts was said already."""
        target = state.watch.target
        with suppress(Problem):  # a name is a courtesy; the revival itself is told
            switches = await self._api.last_switches(target.path)
            if switches:
                said = f": {switches[0].comment[:100]}" if switches[0].comment else ""
                state.who = f"{_ON_AGAIN}, by {switches[0].by or 'somebody'}{said}"
                changes.changed(target.path)


_ON_AGAIN = "it is on"


def _reported(watch: Watch, reader: Reader | None) -> AgentReports:
    """What agents say themselves of the halt's change; nothing where no board is configured."""
    return AgentReports() if reader is None else reader.reports(watch.target.path, _version(watch))


def _version(watch: Watch) -> int:
    """The version of the flag that the halt made, or must have made where its answer was lost."""
    known = watch.accepted.halted.get("version")
    if isinstance(known, int):
        return known
    return int(watch.captured.prior["version"]) + bool(watch.captured.prior["on"])


async def _collect(watches: AsyncIterable[Watch], watched: _Watchlist, changes: Subscription) -> None:
    """Take in targets as they come, and wake the observation."""
    async for watch in watches:
        watched.add(watch)
        changes.changed(watch.target.path)


class _Watchlist:
    """The targets under observation, by their flag's key."""

    def __init__(self) -> None:
        self._watched: dict[str, _Watched] = {}
        self._checked = 0.0

    def __iter__(self) -> Iterator[_Watched]:
        return iter(self._watched.values())

    def __len__(self) -> int:
        return len(self._watched)

    def add(self, watch: Watch) -> None:
        """Begin with a target; one that comes again, as after a re-assertion, is begun anew."""
        self._watched[watch.target.path] = _Watched(watch, asyncio.get_running_loop().time())

    def revived(self) -> int:
        """How many are seen acting now."""
        return sum(state.told is not None and state.told[0] is Sight.ACTING for state in self)

    def to_look_at(self, keys: set[str] | None) -> list[_Watched]:
        """Those that changed (None: any may have). Nothing changes by time alone: every cause is pushed."""
        if keys is None:
            return list(self)
        return [self._watched[key] for key in keys if key in self._watched]

    def time_to_check(self) -> bool:
        """Whether it is a while since this was last true."""
        now = asyncio.get_running_loop().time()
        if now - self._checked < _LOOK:
            return False
        self._checked = now
        return True


class _Helpers:
    """Tasks that end with the observation at the latest; a defect in one of them ends the observation."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self._tasks.add(asyncio.create_task(work, name=name))

    def check(self) -> None:
        """Forget those that are done; raises what one of them raised."""
        for task in [task for task in self._tasks if task.done()]:
            self._tasks.discard(task)
            task.result()

    async def end(self) -> None:
        """Cancel all, and wait for their end."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
