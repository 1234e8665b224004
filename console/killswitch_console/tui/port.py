"""What the app needs of an engine: a place to hand work to. Kept apart so that tests can stand in for the thread."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Protocol, TypeVar

from killswitch_console.halting.engine import Engine
from killswitch_console.halting.events import EngineEvent

_T = TypeVar("_T")


class EnginePort(Protocol):
    """See ``killswitch_console.halting.thread.EngineThread``."""

    def start(self) -> None:
        """Start the engine; blocks until it takes work. Raises what kept it from starting."""

    def submit(self, work: Callable[[Engine], Awaitable[_T]], *, name: str) -> Future[_T]:
        """Run some work in the engine's loop; never blocks."""
        ...


EngineMaker = Callable[[Callable[[EngineEvent], None]], EnginePort]
"""Makes an engine that publishes its events to a function, in a thread of its own."""
