"""Driving the whole console in a test: a scripted world, a real engine in its own thread, Textual's pilot."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from textual import events
from textual.app import App
from textual.pilot import Pilot

from console.tui.scripted import settings
from killswitch_console.authority.invoker import Invoker
from killswitch_console.halting.engine import EngineSettings
from killswitch_console.halting.events import EngineEvent
from killswitch_console.halting.thread import EngineThread
from killswitch_console.tui.app import ConsoleApp
from killswitch_console.tui.state import ConsoleState
from scripted_platform import World

ALICE = Invoker(os_user="alice", uid=1000, host="bastion-1")


def screen_text(app: App[int]) -> str:
    """What is on the screen, as text."""
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips) + "\n"


@dataclass
class Driven:
    """A console that a test drives."""

    app: ConsoleApp
    pilot: Pilot[int]
    world: World

    @property
    def text(self) -> str:
        return screen_text(self.app)

    @property
    def state(self) -> ConsoleState:
        return self.app.state

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def type(self, text: str) -> None:
        """Paste a text into what has the focus: as a person may, and faster than key by key."""
        assert self.app.focused is not None
        self.app.focused.post_message(events.Paste(text))
        await self.pilot.pause(0.02)

    async def until(self, condition: Callable[[], bool], *, within: float = 30.0) -> None:
        """Let the app run until a condition holds; fails with the screen when it does not."""
        deadline = time.monotonic() + within
        while not condition():
            assert time.monotonic() < deadline, f"not within {within:g} s:\n{self.text}"
            await self.pilot.pause(0.03)  # each look paints the whole screen

    async def sees(self, *texts: str) -> bool:
        """Wait until the screen shows all of these: true, or a failure with the screen as it is."""
        await self.until(lambda: all(text in self.text for text in texts))
        return True


@asynccontextmanager
async def console(
    world: World, state_dir: Path, *, size: tuple[int, int] = (80, 24), agents: int = 5, read_only: bool = False
) -> AsyncIterator[Driven]:
    """The console on a scripted world, once it has listed everything; its engine ends with it."""
    try:
        async with console_of(
            settings(world, state_dir), world, size=size, agents=agents, read_only=read_only
        ) as driven:
            yield driven
    finally:
        world.end_draining()  # a halt that a test left open must be able to end


@asynccontextmanager
async def console_of(
    chosen: EngineSettings, world: World, *, size: tuple[int, int], agents: int, read_only: bool = False
) -> AsyncIterator[Driven]:
    """The console on any engine's settings, once so many agents are known."""
    state = ConsoleState(chosen.environment, ALICE, chosen.objectives, layers=chosen.layers, read_only=read_only)
    threads: list[EngineThread] = []

    def make(publish: Callable[[EngineEvent], None]) -> EngineThread:
        threads.append(EngineThread(chosen, publish, read_only=read_only))
        return threads[0]

    app = ConsoleApp(state, make)
    try:
        async with app.run_test(size=size) as pilot:
            driven = Driven(app, pilot, world)
            await driven.until(
                lambda: len(state.fleet) == agents and bool(state.backends) and not state.listing and state.book.loaded,
                within=60,
            )
            await pilot.pause(0.12)
            yield driven
    finally:
        world.end_draining()
        await asyncio.to_thread(threads[0].close)
