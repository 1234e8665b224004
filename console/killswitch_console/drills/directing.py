"""The director: brings a scenario's injects when they are due, hears everything that happens, ends the drill in time.

One heap of (time, sequence, action) in drill time; what depends on another entry or on an event is put there when that
has happened. It knows no sockets, no screen and no platform: effects are somebody else's (``Effects``).
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from killswitch_backends.simulator.fleet import dice
from killswitch_console.drills.clock import DrillClock
from killswitch_console.drills.cues import Cue, Stage
from killswitch_console.drills.happened import Happened
from killswitch_console.drills.log import DrillLog
from killswitch_console.drills.matching import matches
from killswitch_console.drills.scenario import Answer, AnyInject, Scenario

IDLE: Final = 3600.0

_TICK: Final = 1e-6
"""Seconds that count as none: sums of floating point times differ by less, and time could stand still over them."""

LAST_LOOK: Final = 20.0
"""Drill seconds of quiet before a scripted drill ends early: time for what was called stopped to act after all."""


class Effects(Protocol):
    """What injects do, and to whom."""

    async def deliver(self, inject: AnyInject) -> Callable[[], None] | None:
        """Make an inject take effect; what is returned takes a lasting one back."""

    async def ended(self, why: str) -> None:
        """The drill is over."""


@dataclass(order=True, slots=True)
class _Due:
    at: float
    sequence: int
    act: Callable[[], Any] = field(compare=False)
    spare: bool = field(compare=False, default=False)
    """Nobody waits for it: a scripted drill need not go on only for this."""


class UnknownInject(Exception):
    """No inject of that name is in the script, or it is past."""


class Director:
    """Plays one scenario.

    Args:
        scenario: what to play.
        clock: drill time; the loop it runs in keeps the same.
        log: where everything is written.
        effects: what injects do.
        steps: entries of a model answer to be taken when due.
        take: takes them.
        busy: whether whoever takes them is still at it; with it, the drill ends once nothing is left to happen.
        last_look: drill seconds of quiet before it ends so.
    """

    def __init__(
        self,
        scenario: Scenario,
        clock: DrillClock,
        log: DrillLog,
        effects: Effects,
        *,
        steps: tuple[Answer, ...] = (),
        take: Callable[[Answer], None] = lambda _: None,
        busy: Callable[[], bool] | None = None,
        last_look: float = LAST_LOOK,
    ) -> None:
        self.scenario, self.clock, self.log = scenario, clock, log
        self._effects, self._take, self._busy, self._last_look = effects, take, busy, last_look
        seed = scenario.scenario.seed
        self.cues = {
            entry.id: Cue(entry, dice(seed, f"jitter {entry.id}").random() * entry.jitter) for entry in scenario.inject
        }
        self._steps = list(steps)
        self._heap: list[_Due] = []
        self._sequence = 0
        self._moved = asyncio.Event()
        self._over: str | None = None
        self._due_end = scenario.scenario.duration
        self.ended = asyncio.Event()
        self.listeners: list[Callable[[Happened], None]] = []
        """Called with every event, in order."""

    # -- hearing -----------------------------------------------------------------------------------------------------

    def hear(
        self, event: str, facts: Mapping[str, Any] | None = None, measured: Mapping[str, Any] | None = None
    ) -> None:
        """Something happened now."""
        placed = self.log.add(Happened(event, round(self.clock.passed(), 3), facts or {}, measured or {}))
        for listener in self.listeners:
            listener(placed)
        for cue in self.cues.values():
            if cue.stage is Stage.WAITING and cue.inject.when and matches(cue.inject.when, placed):
                self._plan(cue, placed.at + cue.inject.delay)
        for step in [step for step in self._steps if step.when and matches(step.when, placed)]:
            self._expect_step(step, placed.at + step.delay)
        if event in ("inject.delivered", "inject.skipped"):
            self._after(str(placed.facts["inject"]), placed.at)

    def _after(self, name: str, at: float) -> None:
        """Plan what follows an entry."""
        for cue in self.cues.values():
            if cue.stage is Stage.WAITING and cue.inject.after == name:
                self._plan(cue, at + cue.inject.delay)
        for step in [step for step in self._steps if step.after == name]:
            self._expect_step(step, at + step.delay)

    def _plan(self, cue: Cue, at: float) -> None:
        cue.due = at + cue.jitter
        cue.stage = Stage.DUE
        if not cue.inject.by_hand:
            self._push(cue.due, lambda: self._bring(cue))

    def _expect_step(self, step: Answer, at: float) -> None:
        self._steps.remove(step)

        def take() -> None:
            self._take(step)
            self._after(step.id, self.clock.passed())

        self._push(at, take)

    def _push(self, at: float, act: Callable[[], Any], *, spare: bool = False) -> None:
        self._sequence += 1
        heapq.heappush(self._heap, _Due(at, self._sequence, act, spare))
        self._moved.set()

    def _lift_is_awaited(self) -> bool:
        """Whether something of the script comes when a fault is lifted."""
        waiting = [cue.inject for cue in self.cues.values() if cue.stage is Stage.WAITING]
        return any(entry.when and entry.when.event == "fault.lifted" for entry in (*waiting, *self._steps))

    # -- playing -----------------------------------------------------------------------------------------------------

    async def play(self) -> str:
        """Play to the end; why it ended."""
        self.hear("drill.began", {"scenario": self.scenario.scenario.id, "seed": self.scenario.scenario.seed})
        self._set_times()
        while self._over is None:
            await self._wait()
            if self.clock.passed() + _TICK >= self._due_end:
                self.end("the time is over")
            while self._heap and self._heap[0].at <= self.clock.passed() + _TICK and self._over is None:
                done = heapq.heappop(self._heap).act()
                if done is not None:
                    await done
        for cue in self.cues.values():
            cue.lifted()
        self.hear("drill.ended", {"why": self._over})
        self.ended.set()
        await self._effects.ended(self._over)
        return self._over

    def _set_times(self) -> None:
        for cue in self.cues.values():
            if cue.inject.at is not None:
                self._plan(cue, cue.inject.at)
        for step in [step for step in self._steps if step.at is not None]:
            self._expect_step(step, step.at or 0.0)

    async def _wait(self) -> None:
        now = self.clock.passed()
        wait = min(self._heap[0].at if self._heap else IDLE, self._due_end) - now
        if wait <= _TICK:
            return
        looks = self._busy is not None and wait > self._last_look
        quiet = looks and not self._busy_or_due()
        self._moved.clear()
        try:
            async with asyncio.timeout(self._last_look if looks else wait):
                await self._moved.wait()
        except TimeoutError:
            if quiet:
                self.end("nothing was left to happen")

    def _busy_or_due(self) -> bool:
        """Whether a player is at it, or something that counts is to come."""
        spare = all(due.spare for due in self._heap) and not self._lift_is_awaited()
        return not spare or (self._busy is not None and self._busy())

    async def _bring(self, cue: Cue) -> None:
        if cue.stage is not Stage.DUE:
            return
        cue.stage, cue.delivered_at = Stage.DELIVERED, self.clock.passed()
        self.hear("inject.delivered", {"inject": cue.inject.id, "kind": cue.inject.kind})
        cue.lift = await self._effects.deliver(cue.inject)
        lasts = getattr(cue.inject, "lasts", None)
        if lasts is not None:
            self._push(self.clock.passed() + lasts, lambda: self._lift(cue), spare=True)

    def _lift(self, cue: Cue) -> None:
        if cue.lifted():
            self.hear("fault.lifted", {"inject": cue.inject.id})

    @property
    def over(self) -> str | None:
        """Why it ends, once it was told to."""
        return self._over

    def end(self, why: str) -> None:
        """End the drill; the first reason counts."""
        if self._over is None:
            self._over = why
        self._moved.set()

    # -- what a facilitator may do -------------------------------------------------------------------------------------

    def bring_now(self, name: str) -> None:
        """Deliver an inject now, held or not. Raises ``UnknownInject``."""
        cue = self._coming(name)
        cue.stage, cue.due = Stage.DUE, self.clock.passed()
        self._push(cue.due, lambda: self._bring(cue))

    def hold(self, name: str) -> None:
        """Keep an inject back until it is brought by hand. Raises ``UnknownInject``."""
        self._coming(name).stage = Stage.HELD

    def skip(self, name: str, reason: str) -> None:
        """Leave an inject out; what the script puts ``after`` it comes all the same. Raises ``UnknownInject``."""
        cue = self._coming(name)
        cue.stage = Stage.SKIPPED
        self.hear("inject.skipped", {"inject": name, "reason": reason})

    def add(self, inject: AnyInject) -> None:
        """Add an inject that no file has, and deliver it now. Raises ``UnknownInject`` for a name that is taken."""
        if inject.id in self.cues:
            raise UnknownInject(f"an inject {inject.id!r} is in the script already")
        self.cues[inject.id] = Cue(inject, 0.0)
        self.bring_now(inject.id)

    def at(self, moment: float, act: Callable[[], Any]) -> None:
        """Do something at a moment of the script, after what is due then."""
        self._push(moment, act)

    def next_due(self) -> float | None:
        """When the next inject is due, if one is."""
        due = [cue.due for cue in self.cues.values() if cue.stage is Stage.DUE and cue.due is not None]
        return min(due, default=None)

    def _coming(self, name: str) -> Cue:
        cue = self.cues.get(name)
        if cue is None or cue.stage in (Stage.DELIVERED, Stage.SKIPPED):
            state = "is in the script" if cue is None else "is to come any more"
            raise UnknownInject(f"no inject {name!r} {state}")
        return cue
