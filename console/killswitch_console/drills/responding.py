"""The responder's side of a drill: the very same console, on the drill's world and clock, with a pager."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from killswitch_console.assembling import engine_settings
from killswitch_console.authority.invoker import current_invoker
from killswitch_console.config import Configuration, load_configuration
from killswitch_console.drills import wire
from killswitch_console.drills.clock import DrillClock, DrillLoop
from killswitch_console.drills.pager import DrillApp
from killswitch_console.drills.paging import Page, Pager
from killswitch_console.drills.seat import Seat, drill_settings, opened_seat
from killswitch_console.halting.board import Publish
from killswitch_console.halting.thread import EngineThread
from killswitch_console.tui import terminal
from killswitch_console.tui.signals import ending_signals
from killswitch_console.tui.state import ConsoleState


class DrillThread(EngineThread):
    """The engine's thread in a drill: its loop runs on drill time, and what it hears goes to the leader."""

    def __init__(self, configuration: Configuration, clock: DrillClock, publish: Publish) -> None:
        self._clock = clock
        self.settings = drill_settings(configuration, clock, self._hear)
        super().__init__(self.settings.engine, publish)
        self._writer: asyncio.StreamWriter | None = None
        self._saying: set[asyncio.Task[None]] = set()
        self.app: DrillApp | None = None
        self.about: dict[str, Any] = {}
        """What is played, for the trail."""

    def _main(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: DrillLoop(self._clock)) as runner:
                runner.run(self._live())
        except BaseException as error:  # noqa: BLE001  (raised by start(); never a traceback of this thread)
            self._failure = error
        finally:
            self._ready.set()

    async def _live(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        reader, self._writer = await asyncio.open_unix_connection(wire.SOCKET, limit=wire.LONGEST)
        async with opened_seat(self.settings, self._clock, self._hear, self._publish) as seat:
            self._engine = seat.engine
            self._ready.set()
            seat.trail.note("drill.started", {"drill": True, "environment": seat.environment, **self.about})
            await wire.say(self._writer, "ready", who=str(seat.invoker))
            listening = asyncio.create_task(self._listen(reader, seat), name="the leader of the drill")
            await self._stop.wait()
            self._clock.set_speed(1.0)  # whatever the facilitator holds: closing takes some time
            while self._work:
                await asyncio.wait(self._work)
            listening.cancel()
            await asyncio.wait([listening, *self._saying], timeout=1)
        self._writer.close()

    async def _listen(self, reader: asyncio.StreamReader, seat: Seat) -> None:
        async for words in wire.lines(reader):
            match words.get("say"):
                case "pace":
                    pace = wire.read_pace(words["pace"])
                    self._clock.follow(pace)
                    self._to_app(partial(DrillApp.paced, speed=pace.speed))
                case "trail":
                    (seat.trail.fill if words["full"] else seat.trail.empty)()
                case "inject":
                    self._to_app(partial(DrillApp.page, page=Page.read(words)))
                case "ended":
                    result = {"passed": bool(words["passed"]), "share": f"{float(words['share']):.0%}"}
                    told = {"drill": True, "environment": seat.environment, **self.about, **result}
                    seat.trail.note("drill.ended", told)
                    self._to_app(partial(DrillApp.drill_over, passed=bool(words["passed"])))
                case "real":
                    self._to_app(DrillApp.action_real_event)
                case _:
                    continue
        self._clock.set_speed(1.0)
        self._to_app(DrillApp.leader_gone)

    def _to_app(self, act: Callable[[DrillApp], None]) -> None:
        if self.app is not None:
            self.app.soon(act)

    def tell(self, what: str, **about: Any) -> None:
        """Say something to the leader. From any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._say, what, about)

    def _hear(self, event: str, facts: Mapping[str, Any], measured: Mapping[str, Any]) -> None:
        """What the seat heard; called in the engine's loop."""
        self._say("happened", {"event": event, "facts": dict(facts), "measured": dict(measured)})

    def _say(self, what: str, about: Mapping[str, Any]) -> None:
        if self._writer is not None:
            task = asyncio.get_running_loop().create_task(wire.say(self._writer, what, **about), name=f"say {what}")
            self._saying.add(task)
            task.add_done_callback(self._saying.discard)


def respond(_: dict[str, Any], folder: Path, admit: Callable[[int], None]) -> int:
    """Open the console of a drill; the exit status of its process."""
    welcome = _welcomed()
    admit(int(welcome["port"]))
    clock = DrillClock(datetime.fromisoformat(welcome["began"]))
    clock.follow(wire.read_pace(welcome["pace"]))
    if why := terminal.why_no_screen():
        print(f"killswitch-console: {why}")  # noqa: T201
        return 2
    app, thread = _console(load_configuration(folder / "config.toml"), clock, welcome)
    with ending_signals(app.end):
        try:
            app.run()
        finally:
            thread.close()
    if app.defect is not None:
        raise app.defect
    return app.return_code or 0


def _console(configuration: Configuration, clock: DrillClock, welcome: wire.Words) -> tuple[DrillApp, DrillThread]:
    """The console, and the thread of its engine."""
    threads: list[DrillThread] = []

    def make_engine(publish: Publish) -> DrillThread:
        threads.append(DrillThread(configuration, clock, publish))
        return threads[0]

    settings = engine_settings(configuration)
    state = ConsoleState(
        settings.environment,
        current_invoker(),
        settings.objectives,
        layers=settings.layers,
        two_person=settings.two_person,
        drill=True,
        configuration=configuration,
    )
    app = DrillApp(state, make_engine, now=clock.moment, theme=terminal.theme())
    app.pager = Pager(str(welcome["briefing"]), clock.moment(), speed=clock.pace.speed)
    thread = threads[0]
    app.tell_leader, thread.app, thread.about = thread.tell, app, dict(welcome["about"])
    screen = thread.settings.engine.screen
    app.recording = screen(*shutil.get_terminal_size()) if screen else None
    return app, thread


def _welcomed() -> wire.Words:
    """Ask the leader where the world is; waits for a leader that is just starting."""
    import time

    deadline = time.monotonic() + 20
    while True:
        try:
            with socket.socket(socket.AF_UNIX) as line:
                line.settimeout(10)
                line.connect(wire.SOCKET)
                return wire.read(line.makefile("rb").readline(wire.LONGEST))
        except (FileNotFoundError, ConnectionRefusedError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
