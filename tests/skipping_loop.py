"""An event loop whose clock jumps over waits: seconds of pacing are tested in microseconds, and exactly."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Skipping(selectors.SelectSelector):
    """Never waits; remembers how long it was asked to."""

    skipped = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout:
            self.skipped += timeout
        assert ready or timeout is not None, "everything waits, and nothing will ever happen"
        return ready


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._skipping = _Skipping()
        super().__init__(self._skipping)

    def time(self) -> float:
        return 1000.0 + self._skipping.skipped


def run_skipping(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end without waiting. Only for work that uses nothing but the loop's timers."""
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(work)
