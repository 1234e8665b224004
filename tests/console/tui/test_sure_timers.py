"""What is to be shown is shown, also where the machine keeps the screen's loop waiting just as a timer begins."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from weakref import WeakKeyDictionary

import pytest
from textual import timer as textuals

from console.tui.driving import console
from console.tui.scripted import small_world
from killswitch_console.drills.two_sided_app import TwoSidedApp

STALL_SECONDS = 10.0


class _StallingClock:
    """Textual's clock, for its timers: each of them meets a stall between its first and its second look at it."""

    def __init__(self) -> None:
        self._looks: WeakKeyDictionary[object, int] = WeakKeyDictionary()

    def get_time(self) -> float:
        task = asyncio.current_task()
        seen = self._looks[task] = self._looks.get(task, 0) + 1
        return time.monotonic() + (STALL_SECONDS if seen > 1 else 0.0)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds - STALL_SECONDS))


@pytest.fixture
def stalling(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = _StallingClock()
    monkeypatch.setattr(textuals, "_time", clock)
    monkeypatch.setattr(textuals, "sleep", clock.sleep)


@pytest.mark.usefixtures("stalling")
async def test_the_fleet_the_filter_and_another_size_are_shown_all_the_same(tmp_path: Path) -> None:
    async with console(small_world(), tmp_path) as driven:
        await driven.sees("refund", "5 agents")
        await driven.press("slash")
        await driven.type("refund-10")
        assert await driven.sees("1 of 5 agents")
        await driven.pilot.resize_terminal(120, 40)
        await driven.until(lambda: driven.app.screen.size.width > 80)
        assert driven.app.screen.size.height > 24


@pytest.mark.usefixtures("stalling")
async def test_a_drills_screens_take_another_size_in_all_the_same() -> None:
    app = TwoSidedApp("dark")
    async with asyncio.timeout(30), app.run_test(size=(80, 24)) as pilot:
        await pilot.resize_terminal(120, 40)
        while app.screen.size.width <= 80:
            await pilot.pause(0.01)
        assert app.screen.size == (120, 40)
