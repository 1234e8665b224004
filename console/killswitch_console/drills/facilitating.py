"""Leads a drill: serves its world, brings its injects, hears its responders, and does what the facilitator says."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from killswitch_console.drills import wire
from killswitch_console.drills.clock import DrillClock, DrillLoop, Pace
from killswitch_console.drills.desk import Desk, listening
from killswitch_console.drills.directing import Director
from killswitch_console.drills.homes import SCENARIO_FILE
from killswitch_console.drills.log import DrillLog
from killswitch_console.drills.playing import LOG_FILE, WorldEffects, write_score
from killswitch_console.drills.reading import read_scenario
from killswitch_console.drills.scenario import AnyInject, Scenario, TrailInject, Word
from killswitch_console.drills.scoring import score
from killswitch_console.drills.truthkeeping import TruthKeeper
from killswitch_console.drills.world import DrillWorld, serving_world

if TYPE_CHECKING:
    from killswitch_console.drills.inside import Vetoes


class Responders:
    """Everybody at a console of this drill."""

    def __init__(self, clock: DrillClock, scenario: Scenario, world: DrillWorld) -> None:
        self._clock, self._scenario, self._world = clock, scenario, world
        self._writers: set[asyncio.StreamWriter] = set()
        self._meetings: dict[asyncio.StreamWriter, asyncio.Task[Any] | None] = {}
        self._sending: set[asyncio.Task[None]] = set()
        self.ready = asyncio.Event()
        self.left = asyncio.Event()
        """Everybody who was ready has gone."""
        self.director: Director | None = None
        self.real = False
        """Somebody said that this is real now."""

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, to its end."""
        self._meetings[writer] = asyncio.current_task()
        header = self._scenario.scenario
        await wire.say(
            writer,
            "welcome",
            briefing=" ".join(header.briefing.split()),
            config=str(self._world.config),
            port=int(self._world.url.rpartition(":")[2]),
            began=self._clock.began.isoformat(),
            pace=wire.pace_words(self._clock.pace),
        )
        try:
            async for words in wire.lines(reader):
                self._heard(words, writer)
        finally:
            writer.close()
            self._meetings.pop(writer, None)
            if writer in self._writers:
                self._writers.discard(writer)
                if not self._writers:
                    self.left.set()

    def _heard(self, words: wire.Words, writer: asyncio.StreamWriter) -> None:
        match words.get("say"):
            case "ready":
                self._writers.add(writer)
                self.ready.set()
            case "happened" if self.director is not None and not self.director.ended.is_set():
                self.director.hear(str(words["event"]), dict(words["facts"]), dict(words["measured"]))
            case "real":
                self.real = True
                if self.director is not None:
                    self.director.end("a real event")
            case _:
                return

    def tell(self, what: str, **about: Any) -> None:
        """Say something to everybody, soon."""
        for writer in tuple(self._writers):
            task = asyncio.get_running_loop().create_task(wire.say(writer, what, **about), name=f"tell {what}")
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def dismiss(self) -> None:
        """Hang up, once what was said is on its way."""
        if self._sending:
            await asyncio.wait(self._sending, timeout=1)
        meetings = [task for task in self._meetings.values() if task is not None]
        for writer in tuple(self._meetings):
            writer.close()
        if meetings:
            await asyncio.wait(meetings, timeout=1)

    def paced(self, pace: Pace) -> None:
        """Everybody's clock follows."""
        self.tell("pace", pace=wire.pace_words(pace))


class LedEffects(WorldEffects):
    """A world's effects, and what responders get to see."""

    def __init__(self, world: DrillWorld, group: asyncio.TaskGroup, responders: Responders) -> None:
        super().__init__(world, group)
        self._responders = responders

    async def deliver(self, inject: AnyInject) -> Callable[[], None] | None:
        """See ``Effects``."""
        if isinstance(inject, Word):
            about = {"id": inject.id, "kind": inject.kind, "sender": inject.sender, "channel": inject.channel}
            self._responders.tell("inject", text=inject.text, **about)
            return None
        if isinstance(inject, TrailInject):
            self._responders.tell("trail", full=True)
            return lambda: self._responders.tell("trail", full=False)
        return await super().deliver(inject)

    async def ended(self, why: str) -> None:
        """See ``Effects``."""


def facilitate(asked: dict[str, Any], folder: Path, vetoes: Vetoes, admit: Callable[[int], None]) -> int:
    """Lead the drill whose scenario is in a folder; the exit status of its process."""
    scenario = read_scenario(folder / SCENARIO_FILE)
    clock = DrillClock(datetime.now(UTC))
    with asyncio.Runner(loop_factory=lambda: DrillLoop(clock)) as runner:
        return runner.run(_lead(scenario, clock, folder, vetoes, admit, unattended=bool(asked["unattended"])))


async def _lead(
    scenario: Scenario,
    clock: DrillClock,
    folder: Path,
    vetoes: Vetoes,
    admit: Callable[[int], None],
    *,
    unattended: bool,
) -> int:
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(serving_world(scenario, clock, folder))
        admit(int(world.url.rpartition(":")[2]))
        responders = Responders(clock, scenario, world)
        os.umask(0o077)
        server = await asyncio.start_unix_server(responders.meet, wire.SOCKET, limit=wire.LONGEST)
        stack.callback(server.close)
        os.chmod(wire.SOCKET, 0o600)  # noqa: PTH101  (no look at a disk that could block)
        log = DrillLog(folder / LOG_FILE)
        stack.callback(log.close)
        group = await stack.enter_async_context(asyncio.TaskGroup())
        director = Director(scenario, clock, log, LedEffects(world, group, responders))
        truth = TruthKeeper(world.truth)
        director.listeners.append(truth.hear)
        desk = Desk(director, responders, world)
        reading = None if unattended else group.create_task(listening(desk), name="the desk")
        await responders.ready.wait()
        clock.begin_script()
        responders.director = director
        vetoes.report_to(director)
        watching = group.create_task(_end_when_left(responders, director), name="attendance")
        await director.play()
        watching.cancel()
        result = score(scenario, log.events, truth.claims)
        write_score(folder, scenario, result, truth.claims, player="person")
        responders.tell("real" if responders.real else "ended", passed=result.passed, share=result.share)
        if reading is not None and not desk.closed.is_set() and not responders.real:
            desk.debrief()
            await desk.closed.wait()
            result = score(scenario, log.events, truth.claims)
            write_score(folder, scenario, result, truth.claims, player="person")
        if reading is not None:
            reading.cancel()
        await responders.dismiss()
    return 0 if result.passed else 4


async def _end_when_left(responders: Responders, director: Director) -> None:
    await responders.left.wait()
    director.end("the responder left")
