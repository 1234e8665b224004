"""Plays a drill from beginning to end in one process: the world, the engine, the script and the player on one clock."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from killswitch_console.drills.clock import FULL, DrillClock, DrillLoop
from killswitch_console.drills.desk import Desk
from killswitch_console.drills.directing import Director
from killswitch_console.drills.happened import Happened
from killswitch_console.drills.inputs import Input, Nobody
from killswitch_console.drills.log import DrillLog
from killswitch_console.drills.noting import drill_ended, drill_started
from killswitch_console.drills.players import Player, PlayerKind, steps_of
from killswitch_console.drills.scenario import (
    AnyInject,
    CredentialInject,
    FaultInject,
    ScaleInject,
    Scenario,
    TrailInject,
)
from killswitch_console.drills.scoring import Score, score
from killswitch_console.drills.seat import Seat, taking_seat
from killswitch_console.drills.truthkeeping import Claim, TruthKeeper
from killswitch_console.drills.world import DrillWorld, serving_world

BEGAN: Final = datetime(2027, 1, 15, 9, 0, tzinfo=UTC)
"""What the wall clock of every scripted drill shows at its beginning, so that no date makes a difference."""

LOG_FILE: Final = "log.jsonl"
SCORE_FILE: Final = "score.json"


@dataclass(frozen=True, slots=True)
class Played:
    """A drill that was played."""

    folder: Path
    events: list[Happened]
    score: Score


class WorldEffects:
    """What injects do to a world; the rest (words, the trail) is for whoever sits at the console."""

    def __init__(self, world: DrillWorld, group: asyncio.TaskGroup) -> None:
        self.world, self._group = world, group

    async def deliver(self, inject: AnyInject) -> Callable[[], None] | None:
        """See ``Effects``."""
        match inject:
            case FaultInject() | CredentialInject():
                return self.world.arm(inject)
            case ScaleInject():
                await self.world.scale(inject)
                rest = self._group.create_task(self._again(inject), name=f"inject {inject.id}")
                return lambda: _cancel(rest)
            case _:
                return None

    async def _again(self, inject: ScaleInject) -> None:
        for _ in range(inject.times - 1):
            await asyncio.sleep(inject.every)
            await self.world.scale(inject)


def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()


class HeadlessEffects(WorldEffects):
    """A world's effects, and a seat's in the same process."""

    def __init__(self, world: DrillWorld, seat: Seat, group: asyncio.TaskGroup) -> None:
        super().__init__(world, group)
        self._seat = seat

    async def deliver(self, inject: AnyInject) -> Callable[[], None] | None:
        """See ``Effects``."""
        if isinstance(inject, TrailInject):
            self._seat.trail.fill()
            return self._seat.trail.empty
        return await super().deliver(inject)

    async def ended(self, why: str) -> None:
        """See ``Effects``."""


def play(
    scenario: Scenario,
    folder: Path,
    player: PlayerKind,
    *,
    admit: Callable[[int], None] = lambda _: None,
    prepare: Callable[[Director], None] = lambda _: None,
    inputs: Sequence[Input] = (),
) -> Played:
    """Play a scenario with a scripted player at full speed, and score it.

    Args:
        scenario: what to play.
        folder: where the drill's files go; it has to exist and be empty.
        player: who plays.
        admit: told the port of the simulator before anything connects to it.
        prepare: called with the director before it begins.
        inputs: what a facilitator types, and what a person did at the console, each at its time.
    """
    clock = DrillClock(BEGAN, FULL)
    with asyncio.Runner(loop_factory=lambda: DrillLoop(clock)) as runner:
        return runner.run(_play(scenario, clock, folder, player, admit, prepare, inputs))


async def _play(
    scenario: Scenario,
    clock: DrillClock,
    folder: Path,
    player: PlayerKind,
    admit: Callable[[int], None],
    prepare: Callable[[Director], None],
    inputs: Sequence[Input],
) -> Played:
    directors: list[Director] = []

    def hear(event: str, facts: Any, measured: Any) -> None:
        if directors and not directors[0].ended.is_set():
            directors[0].hear(event, facts, measured)

    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(serving_world(scenario, clock, folder))
        admit(int(world.url.rpartition(":")[2]))
        seat = await stack.enter_async_context(taking_seat(world.config, clock, hear))
        log = DrillLog(folder / LOG_FILE)
        stack.callback(log.close)
        group = await stack.enter_async_context(asyncio.TaskGroup())
        scripted = Player(seat, hear, group)
        effects = HeadlessEffects(world, seat, group)
        clock.begin_script()
        steps = steps_of(player, scenario.answer)
        director = Director(scenario, clock, log, effects, steps=steps, take=scripted.take, busy=lambda: scripted.busy)
        truth = TruthKeeper(world.truth)
        director.listeners.append(truth.hear)
        directors.append(director)
        prepare(director)
        desk = Desk(director, Nobody(), world, lambda _: None)
        for given in inputs:
            director.at(given.at, partial(given.give, desk, scripted))
        seat.trail.note("drill.started", drill_started(scenario, folder, seat.environment))
        await director.play()
        scripted.stop()
        clock.set_speed(1.0)  # threads end in real time
        result = score(scenario, log.events, truth.claims)
        write_score(folder, scenario, result, truth.claims, player=str(player))
        seat.trail.note("drill.ended", drill_ended(scenario, folder, seat.environment, result))
        return Played(folder, log.events, result)


def write_score(
    folder: Path,
    scenario: Scenario,
    result: Score,
    claims: Sequence[Claim],
    *,
    player: str,
    participants: Sequence[str] = (),
) -> None:
    """Keep a drill's score beside its log; ``player`` says who played: a scripted one's name, or ``person``."""
    document = {
        "scenario": scenario.scenario.id,
        "title": scenario.scenario.title,
        "version": scenario.scenario.version,
        "seed": scenario.scenario.seed,
        "mode": scenario.scenario.mode,
        "player": player,
        "participants": list(participants),
        "score": result.document(),
        "claims": [claim.document() for claim in claims],
    }
    (folder / SCORE_FILE).write_text(json.dumps(document, indent=2, sort_keys=True) + "\n", encoding="utf-8")
