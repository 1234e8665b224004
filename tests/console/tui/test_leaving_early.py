"""Whoever leaves before the first screen is there leaves in peace."""

from __future__ import annotations

import pytest
from textual.app import ComposeResult

from console.tui.driving import ALICE
from console.tui.still import StillEngine, StillPort, StillSigns, still_fleet, still_world
from killswitch_console.tui.app import ConsoleApp
from killswitch_console.tui.screens.fleet import FleetScreen
from killswitch_console.tui.state import ConsoleState


async def test_a_screen_that_is_taken_away_before_its_widgets_are_there_is_no_defect(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    body = FleetScreen.body

    def left_meanwhile(screen: FleetScreen) -> ComposeResult:
        yield from body(screen)
        screen._pruning = True  # as Textual does when the app is left: what was composed is not mounted any more
        screen.app.exit(0)

    monkeypatch.setattr(FleetScreen, "body", left_meanwhile)
    world = still_world()
    engine = StillEngine(still_fleet(world), world, ())
    app = ConsoleApp(ConsoleState("production", ALICE), lambda publish: StillPort(engine, publish), theme="dark")
    app.signs = StillSigns()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
    assert app.defect is None
    assert app.return_value == 0
