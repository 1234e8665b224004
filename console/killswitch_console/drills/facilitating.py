"""Leads a drill: serves its world, brings its injects, hears its responders, and does what the facilitator says."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from killswitch_console.authority.invoker import current_invoker
from killswitch_console.drills import wire
from killswitch_console.drills.clock import DrillClock, DrillLoop, Pace
from killswitch_console.drills.desk import Desk
from killswitch_console.drills.desk_lines import LineFace, NoFace
from killswitch_console.drills.directing import Director
from killswitch_console.drills.homes import SCENARIO_FILE
from killswitch_console.drills.log import DrillLog
from killswitch_console.drills.noting import what_is_played
from killswitch_console.drills.playing import LOG_FILE, WorldEffects, write_score
from killswitch_console.drills.reading import read_scenario
from killswitch_console.drills.scenario import AnyInject, Scenario, TrailInject, Word
from killswitch_console.drills.scoring import Score, score
from killswitch_console.drills.truthkeeping import TruthKeeper
from killswitch_console.drills.world import DrillWorld, serving_world
from killswitch_console.tui import terminal

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
        self.names: list[str] = []
        """Everybody who took part."""
        self.real = False
        """Somebody said that this is real now."""

    @property
    def present(self) -> int:
        """How many are at their consoles."""
        return len(self._writers)

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
            about=what_is_played(self._scenario, Path.cwd()),
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
                self.names.append(f"responder {words.get('who', 'unknown')}")
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


class Face(Protocol):
    """What a facilitator sees and types at."""

    def show(self, text: str) -> None:
        """Say something; called in the drill's loop."""

    async def attend(self, desk: Desk) -> None:
        """Hand the desk what is typed, in the drill's loop, until the desk is closed."""


def facilitate(asked: dict[str, Any], folder: Path, vetoes: Vetoes, admit: Callable[[int], None]) -> int:
    """Lead the drill whose scenario is in a folder; the exit status of its process."""
    lead = Lead(folder, vetoes, admit, unattended=bool(asked["unattended"]))
    if asked["unattended"]:
        return lead.run(NoFace())
    if asked.get("plain") or not sys.stdin.isatty() or terminal.why_no_screen():
        return lead.run(LineFace())
    from killswitch_console.drills.desk_face import run_desk

    return run_desk(lead)


class Lead:
    """One drill to be led, from this process. ``run`` it once, in any thread."""

    def __init__(self, folder: Path, vetoes: Vetoes, admit: Callable[[int], None], *, unattended: bool = False) -> None:
        self._unattended = unattended
        self.scenario = read_scenario(folder / SCENARIO_FILE)
        self.folder, self._vetoes, self._admit = folder, vetoes, admit
        self._clock = DrillClock(datetime.now(UTC))

    def run(self, face: Face) -> int:
        """Lead it to its end; the exit status."""
        with asyncio.Runner(loop_factory=lambda: DrillLoop(self._clock)) as runner:
            return runner.run(self._run(face))

    async def _run(self, face: Face) -> int:
        scenario, clock, folder = self.scenario, self._clock, self.folder
        async with AsyncExitStack() as stack:
            world = await stack.enter_async_context(serving_world(scenario, clock, folder))
            self._admit(int(world.url.rpartition(":")[2]))
            responders = Responders(clock, scenario, world)
            stack.callback((await listen(responders.meet)).close)
            log = DrillLog(folder / LOG_FILE)
            stack.callback(log.close)
            group = await stack.enter_async_context(asyncio.TaskGroup())
            director = Director(scenario, clock, log, LedEffects(world, group, responders))
            truth = TruthKeeper(world.truth)
            director.listeners.append(truth.hear)
            desk = Desk(director, responders, world, face.show)
            attending = group.create_task(face.attend(desk), name="the desk")
            face.show("waiting for a responder; `help` lists what you can do")
            passed = await _first(responders.ready, desk.closed) and await self._directed(responders, desk, truth, face)
            attending.cancel()
            await responders.dismiss()
        return 0 if passed else 4

    async def _directed(self, responders: Responders, desk: Desk, truth: TruthKeeper, face: Face) -> bool:
        """Play the script and score it; once more after the debriefing, which adds notes and ratings."""
        director, scenario = desk.director, self.scenario
        self._clock.begin_script()
        responders.director = director
        self._vetoes.report_to(director)
        watching = asyncio.create_task(_end_when_left(responders, director), name="attendance")
        await director.play()
        watching.cancel()
        responders.paced(self._clock.set_speed(1.0))  # whatever held time: closing takes some
        result = score(scenario, director.log.events, truth.claims)
        self._keep(result, truth, responders)
        responders.tell("real" if responders.real else "ended", passed=result.passed, share=result.share)
        if not desk.closed.is_set() and not responders.real:
            face.show("the drill is over: `note`, `rate`, then `quit`")
            await desk.closed.wait()
            result = score(scenario, director.log.events, truth.claims)
            self._keep(result, truth, responders)
        return result.passed

    def _keep(self, result: Score, truth: TruthKeeper, responders: Responders) -> None:
        leader = "" if self._unattended else f"facilitator {current_invoker()}"
        names = [name for name in (leader, *responders.names) if name]
        write_score(self.folder, self.scenario, result, truth.claims, player="person", participants=names)


async def listen(meet: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> asyncio.Server:
    """Wait for responders at this folder's socket: only this account can connect to it, from its first moment."""
    os.umask(0o077)
    server = await asyncio.start_unix_server(meet, wire.SOCKET, limit=wire.LONGEST)
    os.chmod(wire.SOCKET, 0o600)  # noqa: PTH101  (no look at a disk that could block)
    return server


async def _first(wanted: asyncio.Event, instead: asyncio.Event) -> bool:
    """Wait for either; whether it was the first."""
    waits = [asyncio.create_task(event.wait(), name="waiting") for event in (wanted, instead)]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
    return wanted.is_set()


async def _end_when_left(responders: Responders, director: Director) -> None:
    await responders.left.wait()
    director.end("the responder left")
