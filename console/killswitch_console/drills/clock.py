"""Drill time: one clock for the simulated world, the engine and the script, at any speed.

A drill's event loop counts drill time, so that every timer in it (the world's, the engine's, the backends') goes at the
drill's speed. At full speed time jumps to the next timer whenever nobody has anything left to do; sockets and threads
stay real, so a jump never happens while a call in a thread is under way. The clock of another process on this machine
can be followed: it is three numbers over the machine's own monotonic clock.
"""

from __future__ import annotations

import asyncio
import selectors
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

SLOWEST: Final = 0.25
FASTEST: Final = 10.0
"""The speeds that a person may set; full speed is for scripted players."""

FULL: Final = float("inf")
"""Time jumps over every wait."""

_GLANCE: Final = 0.05
"""Real seconds after which a loop looks again whether its pace was changed from elsewhere."""

_WARM: Final = 0.005
"""Real seconds after traffic in which time waits a little before each jump, for threads that the loop cannot see."""

_GRACE: Final = 0.001
"""Real seconds of quiet before a jump while there was traffic lately."""

_STEP: Final = 1e-7
"""Drill seconds that one turn of the loop takes at least: work that waits for a rounding error would never end."""

_STUCK: Final = 10.0
"""Real seconds that a busy thread may hold drill time back; a thread that waits for drill time must not stop it.

On a crowded machine a thread at work may get no turn for seconds; time that jumped over it would change what happens.
"""

_SQLITE: Final = "aiosqlite.core"


@dataclass(frozen=True, slots=True)
class Pace:
    """How drill time runs: at ``monotonic`` (the machine's clock) ``passed`` had elapsed; it goes on at ``speed``.

    Speed 0 is a pause; ``FULL`` stands still by itself, and is moved by jumps.
    """

    monotonic: float
    passed: float
    speed: float

    def at(self, monotonic: float) -> float:
        """Drill seconds passed at a moment of the machine's clock."""
        if self.speed in (0.0, FULL):
            return self.passed
        return self.passed + max(0.0, monotonic - self.monotonic) * self.speed


class DrillClock:
    """The time of one drill. Reading is safe from any thread; changing is for one thread only.

    Args:
        began: the wall clock's reading at drill second 0, written on everything in the drill.
        speed: drill seconds per second; 0 holds it, ``FULL`` jumps.
    """

    def __init__(self, began: datetime, speed: float = 1.0) -> None:
        self.began = began
        self._pace = Pace(time.monotonic(), 0.0, speed)
        self._script_began = 0.0

    @property
    def pace(self) -> Pace:
        """How time runs now."""
        return self._pace

    def follow(self, pace: Pace) -> None:
        """Run as another process's clock does. ``passed`` never goes back."""
        self._pace = pace

    def elapsed(self) -> float:
        """Drill seconds since this clock was made. Never runs back."""
        return self._pace.at(time.monotonic())

    def passed(self) -> float:
        """Drill seconds since the script began."""
        return self.elapsed() - self._script_began

    def begin_script(self) -> None:
        """The script's second 0 is now: what came before was getting ready."""
        self._script_began = self.elapsed()

    def moment(self) -> datetime:
        """Drill time as a wall clock would show it (UTC)."""
        return datetime.fromtimestamp(self.now(), UTC)

    def set_speed(self, speed: float) -> Pace:
        """Go on at another speed (0 to hold time); the pace it has then."""
        self._pace = Pace(time.monotonic(), self.elapsed(), speed)
        return self._pace

    def jump(self, seconds: float) -> None:
        """Let time pass at once. Full speed only."""
        self._pace = Pace(time.monotonic(), self._pace.passed + seconds, self._pace.speed)

    # -- as the simulator asks it (killswitch_backends.simulator.clock.Clock)

    def now(self) -> float:
        """Seconds since the epoch, in drill time."""
        return self.began.timestamp() + self.elapsed()

    async def sleep(self, seconds: float) -> None:
        """Sleep in drill time: the loop's own time is drill time."""
        await asyncio.sleep(seconds)


class DrillLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is a drill's."""

    def __init__(self, clock: DrillClock) -> None:
        self.clock = clock
        self.busy_threads = 0
        super().__init__(_DrillSelector(self))

    def time(self) -> float:
        """Drill seconds."""
        return self.clock.elapsed()

    def run_in_executor(  # type: ignore[override]  # (as precise as what it is needed for)
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """As asyncio's; time does not jump while it is under way."""
        return self._counted(super().run_in_executor(executor, func, *args))

    def create_future(self) -> asyncio.Future[Any]:
        """As asyncio's; a future that aiosqlite makes stands for work in its thread, which nothing else tells."""
        future: asyncio.Future[Any] = super().create_future()
        if sys._getframe(1).f_globals.get("__name__") == _SQLITE:  # noqa: SLF001  (cheap; inspect.stack is not)
            self._counted(future)
        return future

    def _counted(self, future: asyncio.Future[Any]) -> asyncio.Future[Any]:
        self.busy_threads += 1
        future.add_done_callback(self._thread_done)
        return future

    def _thread_done(self, _: asyncio.Future[Any]) -> None:
        self.busy_threads -= 1


class _DrillSelector(selectors.DefaultSelector):
    """Waits in drill time."""

    def __init__(self, loop: DrillLoop) -> None:
        super().__init__()
        self._loop = loop
        self._held_since: float | None = None
        self._warm_until = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        speed = self._loop.clock.pace.speed
        if timeout is not None and timeout <= 0:
            if speed == FULL:
                self._loop.clock.jump(_STEP)
            return super().select(0)
        if speed == FULL:
            return self._jump(timeout)
        wait = _GLANCE if timeout is None or speed == 0 else min(timeout / speed, _GLANCE)
        return super().select(wait)

    def _jump(self, timeout: float | None) -> list[tuple[selectors.SelectorKey, int]]:
        warm = time.monotonic() < self._warm_until
        if ready := super().select(_GRACE if warm else 0):
            self._warm_until = time.monotonic() + _WARM
            self._held_since = None
            return ready
        if timeout is None:
            return super().select(_GLANCE)
        if self._loop.busy_threads and not self._held_long_enough():
            return super().select(min(timeout, _GLANCE))
        self._loop.clock.jump(timeout)
        return []

    def _held_long_enough(self) -> bool:
        now = time.monotonic()
        self._held_since = self._held_since or now
        return now - self._held_since > _STUCK
