"""Looking at halted targets again and again: when, how often, and what is worth telling.

Shared because Lambda and IAM have no push: both are polled, both have a bound at which one look decides.
What a look sees is the backend's own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from killswitch_backends.aws_common.helpers import Helpers, helpers
from killswitch_backends.problems import Problem
from killswitch_backends.protocol import Observation, Sight, Watch
from killswitch_inventory.sightings import HaltMark
from killswitch_inventory.targets import TargetId

SLACK_SECONDS = 1.5
"""How much longer than its interval a look may take to come round: the answer's own time, a busy loop."""

Look = Callable[[Watch], Awaitable[Observation]]


@dataclass(frozen=True, slots=True)
class Pace:
    """How often to look: every ``shortest`` seconds, less often when that would exceed ``per_second`` looks."""

    shortest: float
    per_second: float

    def interval(self, targets: int) -> float:
        """Seconds between two looks at one of that many targets."""
        return max(self.shortest, targets / self.per_second)


class Watching:
    """One observation: a follower per target, all telling into one queue."""

    def __init__(self, look: Look, pace: Pace, now: Callable[[], datetime], tasks: Helpers) -> None:
        self._look, self._pace, self._now, self._tasks = look, pace, now, tasks
        self._followers: dict[TargetId, asyncio.Task[None]] = {}
        self.told: asyncio.Queue[Observation | BaseException] = asyncio.Queue()

    async def take_in(self, watches: AsyncIterable[Watch]) -> None:
        """Follow each target from the moment its watch arrives; a newer watch of a target replaces the older one."""
        async for watch in watches:
            if older := self._followers.get(watch.target):
                older.cancel()
            self._followers[watch.target] = self.start(self._follow(watch), name=f"eye on {watch.target}")

    def start(self, work: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        """Begin some of this observation's work; should it fail, the observation fails."""
        task = self._tasks.start(work, name=name)
        task.add_done_callback(self._check)
        return task

    def _check(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (defect := task.exception()) is not None:
            self.told.put_nowait(defect)

    async def _follow(self, watch: Watch) -> None:
        last: tuple[object, ...] | None = None
        announced: HaltMark | None = None
        while True:
            seen = await self._seen(watch)
            announced = seen.announced if seen.announced is not None else announced
            seen = replace(seen, announced=announced)
            news = (seen.sight, seen.note, seen.evidence.grade if seen.evidence else None)
            if news != last:
                last = news
                self.told.put_nowait(seen)
            await asyncio.sleep(self._until_next(watch))

    async def _seen(self, watch: Watch) -> Observation:
        try:
            return await self._look(watch)
        except Problem as problem:
            return Observation(watch.target, Sight.UNKNOWN, self._now(), note=f"cannot look: {problem.what}")

    def _until_next(self, watch: Watch) -> float:
        """The pace's interval, cut short so that one look falls right after the bound."""
        interval = self._pace.interval(len(self._followers))
        if watch.accepted.bound is None:
            return interval
        left = (watch.accepted.bound - self._now()).total_seconds()
        return min(interval, left + 0.01) if left > 0 else interval


async def observations(
    watches: AsyncIterable[Watch], look: Look, *, pace: Pace, now: Callable[[], datetime]
) -> AsyncIterator[Observation]:
    """Yield what is seen of each watched target whenever that changes, until closed."""
    async with helpers() as tasks:
        watching = Watching(look, pace, now, tasks)
        watching.start(watching.take_in(watches), name="watches taken in")
        while True:
            told = await watching.told.get()
            if isinstance(told, BaseException):
                raise told
            yield told
