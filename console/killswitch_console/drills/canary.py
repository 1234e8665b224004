"""Canary drills: the whole path on the real platforms, against targets tagged as canaries and nothing else.

The scenario's model answer is played in real time by the very same engine, on the real configuration, ledger and trail,
marked as a drill throughout; from cron it is a continuous proof. Nothing begins before a preview of every change found
no objection, nothing but a canary can be changed (``canary_guard.py``), and whatever way a drill ends, what it halted
is put back. No break-glass credential and no notification is within its reach.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from killswitch_console import private
from killswitch_console.config import Configuration
from killswitch_console.drills.canary_guard import CanaryGuard, NotCanary
from killswitch_console.drills.clock import DrillClock
from killswitch_console.drills.directing import Director
from killswitch_console.drills.happened import Happened
from killswitch_console.drills.log import DrillLog
from killswitch_console.drills.noting import drill_ended, drill_started
from killswitch_console.drills.players import REFUSALS, Player
from killswitch_console.drills.playing import LOG_FILE, Played, write_score
from killswitch_console.drills.scenario import AnyInject, Scenario
from killswitch_console.drills.scoring import score
from killswitch_console.drills.seat import Hear, Seat, drill_settings, opened_seat
from killswitch_console.halting.lease import HaltBusy
from killswitch_console.halting.plan import Plan
from killswitch_inventory.scopes import Scope

FORGET_SECONDS: Final = 20.0
"""How long a platform's listing may show the mark of a halt that was just put back."""

LAST_LOOK: Final = 1.0
"""Seconds of quiet before it ends: there is no truth to look at beyond the evidence."""


class CanaryRefused(Exception):
    """A canary drill was not begun, or broken off before anything was changed; says why, one reason a line."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What a canary drill would halt, and what speaks against it."""

    plan: Plan
    objections: tuple[str, ...]


class CanaryDrill:
    """An open canary drill. Use ``opened_drill``."""

    def __init__(self, scenario: Scenario, seat: Seat, guard: CanaryGuard) -> None:
        self.scenario, self.seat, self._guard = scenario, seat, guard
        self.scope = scope_of(scenario)
        self._restored: set[str] = set()
        """Halts that were put back, whose marks a platform's listing may show for a while yet."""

    async def left_behind(self) -> list[str]:
        """Put back what an earlier canary drill left halted; the halts that could not be."""
        return await self.put_back("left behind by a drill that was cut short")

    async def put_back(self, why: str) -> list[str]:
        """Put back whatever a drill of this ledger halted and holds; the ids of those that could not be."""
        failed: list[str] = []
        for record in await self.seat.engine.records():
            if not (record.header.drill and record.held):
                continue
            self._guard.may_put_back(target.target for target in record.targets)
            halt_id = record.header.halt_id
            try:
                done = await self.seat.engine.restore(halt_id, invoker=self.seat.invoker, reason=f"canary drill: {why}")
            except (*REFUSALS, HaltBusy) as problem:
                failed.append(f"{halt_id}: {problem}")
            else:
                failed += [f"{halt_id}: not all of it could be put back"] if done.held else []
                self._restored.add(halt_id)
        return failed

    async def preview(self) -> Preview:
        """Plan, and look for everything that is no canary. Changes nothing. Raises ``planning.EmptyScope``."""
        plan = await self.seat.engine.plan(self.scope)
        with suppress(TimeoutError):
            async with asyncio.timeout(FORGET_SECONDS):
                while any(t.captured and t.captured.marked_by in self._restored for t in plan.targets):
                    await asyncio.sleep(FORGET_SECONDS / 20)
                    plan = await self.seat.engine.plan(self.scope)
        objections = self._guard.objections(plan)
        if self.scope.kind in self.seat.engine.settings.two_person:
            objections.append(f"restoring {self.scope} takes two people ([restore] two_person): it would stay halted")
        return Preview(plan, tuple(objections))

    def check(self, plan: Plan) -> None:
        """Look at a plan once more, right before it is carried out. Raises ``NotCanary``."""
        if objections := self._guard.objections(plan):
            raise NotCanary(str(plan.scope), "; ".join(objections))


class _Words:
    """The effects of injects: words only, which are in the log."""

    async def deliver(self, inject: AnyInject) -> Callable[[], None] | None:
        """See ``Effects``."""
        del inject
        return None

    async def ended(self, why: str) -> None:
        """See ``Effects``."""


class _Ear:
    """Passes on to the director what is heard, from its first event to its last."""

    def __init__(self) -> None:
        self.director: Director | None = None

    def __call__(self, event: str, facts: Mapping[str, Any], measured: Mapping[str, Any]) -> None:
        if self.director is not None and not self.director.ended.is_set():
            self.director.hear(event, facts, measured)


def scope_of(scenario: Scenario) -> Scope:
    """The one scope that a canary scenario halts."""
    return next(Scope.parse(answer.scope or "") for answer in scenario.answer if answer.do == "halt")


@contextmanager
def _alone(state_dir: Path) -> Iterator[None]:
    """One canary drill at a time on this bastion. Raises ``CanaryRefused``."""
    private.folder(state_dir)
    descriptor = private.open_file(state_dir / "canary.lock", os.O_RDWR | os.O_CREAT)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CanaryRefused("another canary drill is under way on this bastion") from None
        yield
    finally:
        os.close(descriptor)


@asynccontextmanager
async def opened_drill(
    scenario: Scenario, configuration: Configuration, hear: Hear, clock: DrillClock
) -> AsyncIterator[CanaryDrill]:
    """Open the real platforms for a canary drill, guarded.

    Raises:
        CanaryRefused: the configuration does not allow it, or another one is under way.
        LedgerError: without the ledger nothing could be put back after a crash.
    """
    if not configuration.document.drill.canary:
        raise CanaryRefused(f"{configuration.path} does not allow canary drills ([drill] canary = true does)")
    guard = CanaryGuard(f"{configuration.document.labels.canary}=true")
    settings = drill_settings(configuration, clock, hear)
    guarded = {ref: guard.opener(opener) for ref, opener in settings.engine.openers.items()}
    settings = replace(settings, engine=replace(settings.engine, openers=guarded))
    with _alone(configuration.state_dir):
        async with opened_seat(settings, clock, hear, hold=False) as seat:
            yield CanaryDrill(scenario, seat, guard)


async def run_canary(
    scenario: Scenario,
    configuration: Configuration,
    folder: Path,
    *,
    agree: Callable[[Preview], None],
) -> tuple[Played, list[str]]:
    """Play a canary drill to its end, everything put back; how it was, and what could not be put back.

    Args:
        scenario: of mode ``canary``.
        configuration: the real one.
        folder: where log and score go.
        agree: shown the preview before anything is changed; raises to have it left.

    Raises:
        CanaryRefused: something spoke against it; nothing was changed.
    """
    clock, ear = DrillClock(datetime.now(UTC)), _Ear()
    async with opened_drill(scenario, configuration, ear, clock) as drill:
        if stuck := await drill.left_behind():
            raise CanaryRefused("\n".join(("an earlier canary drill is still in force:", *stuck)))
        preview = await drill.preview()
        agree(preview)
        if preview.objections:
            raise CanaryRefused("\n".join(preview.objections))
        return await _played(drill, clock, ear, folder)


async def _played(drill: CanaryDrill, clock: DrillClock, ear: _Ear, folder: Path) -> tuple[Played, list[str]]:
    scenario, trail = drill.scenario, drill.seat.trail
    log = DrillLog(folder / LOG_FILE)
    try:
        await trail.require("drill.started", drill_started(scenario, folder, drill.seat.environment))
        try:
            await _directed(drill, clock, ear, log)
        finally:
            stuck = await drill.put_back("the drill is over")
        result = score(scenario, log.events, ())
        write_score(folder, scenario, result, (), player="model answer")
        await trail.record("drill.ended", drill_ended(scenario, folder, drill.seat.environment, result))
    finally:
        log.close()
    return Played(folder, log.events, result), stuck


async def _directed(drill: CanaryDrill, clock: DrillClock, ear: _Ear, log: DrillLog) -> None:
    """Play the script; a signal breaks it off, what was halted is put back by whoever called."""
    async with asyncio.TaskGroup() as group:
        player = Player(drill.seat, ear, group, check=drill.check)
        clock.begin_script()
        director = Director(
            drill.scenario,
            clock,
            log,
            _Words(),
            steps=drill.scenario.answer,
            take=player.take,
            busy=lambda: player.busy,
            last_look=LAST_LOOK,
        )
        director.listeners.append(lambda happened: _break_off(director, happened))
        ear.director = director
        with _ended_by_signals(director):
            await director.play()
            player.stop()


@contextmanager
def _ended_by_signals(director: Director) -> Iterator[None]:
    """Ctrl-C and SIGTERM end the script, and no more than that."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop, numbers = asyncio.get_running_loop(), (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, director.end, "aborted: told to end")
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def _break_off(director: Director, happened: Happened) -> None:
    """Whatever is refused ends the drill: a continuous proof does not go on over it."""
    if happened.event == "action.refused":
        director.end(f"aborted: {happened.measured.get('why') or 'something was refused'}")
