"""The drill's place in the responder's console and outside a drill; the facilitator's desk; the replay's timeline."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pytest_textual_snapshot import normalize_svg

from console.tui.driving import ALICE, Driven, screen_text
from console.tui.picturing import ROOT, Pictures, pictures
from console.tui.scripted import LAYERS
from console.tui.still import NOW, StillEngine, StillPort, StillSigns, still_console, still_fleet, still_world
from killswitch_console.drills.desk_app import DeskApp
from killswitch_console.drills.desk_view import DeskView, TruthRow, view_at
from killswitch_console.drills.happened import Happened
from killswitch_console.drills.homes import SHIPPED
from killswitch_console.drills.isolating import REAL_EVENT
from killswitch_console.drills.pager import DrillApp
from killswitch_console.drills.paging import Page, Pager
from killswitch_console.drills.reading import read_scenario
from killswitch_console.drills.replay_app import ReplayApp
from killswitch_console.tui.state import ConsoleState

ALERT = Page("alert", "alert", "payments monitoring", "pager", "refunds by agent refund-7: 4,900 EUR/min (usually 40)")
CHAT = Page("chat", "message", "Mia, payments", "chat", "It is only refund-7. The other refund agents are fine.")

Told = list[tuple[str, dict[str, Any]]]


@pytest.fixture
def check(request: pytest.FixtureRequest) -> Pictures:
    return pictures(request)


@asynccontextmanager
async def drilled(size: tuple[int, int] = (80, 24)) -> AsyncIterator[tuple[Driven, DrillApp, Told]]:
    """A responder's console in a drill, on the still world; what it tells its leader."""
    world, told = still_world(), Told()
    engine = StillEngine(still_fleet(world), world)
    state = ConsoleState("DRILL", ALICE, layers=LAYERS, drill=True)
    app = DrillApp(state, lambda publish: StillPort(engine, publish), now=lambda: NOW)
    app.signs = StillSigns()
    app.pager = Pager("You are on call for the agents of a web shop.", NOW - timedelta(seconds=95))
    app.tell_leader = lambda what, **about: told.append((what, about))
    async with app.run_test(size=size) as pilot:
        driven = Driven(app, pilot, world)
        await driven.until(lambda: bool(driven.state.backends) and driven.state.book.loaded)
        await driven.until(lambda: bool(app.places.known))
        app.clear_notifications()
        yield driven, app, told


def answered(told: Told) -> list[tuple[str, str]]:
    return [(about["event"], about["facts"]["inject"]) for what, about in told if what == "happened"]


async def test_pages_come_in_and_are_answered_one_by_one(check: Pictures) -> None:
    async with drilled() as (driven, app, told):
        await driven.press("5")
        await driven.sees("Nothing has come in yet")
        app.page(ALERT)
        app.page(CHAT)
        app.clear_notifications()
        await driven.sees("payments monitoring", "2 wait for an answer")
        assert await check(driven, "drill-pager") == []
        await driven.press("up", "d")  # the latest stands first; the cursor stayed with what it was on
        await driven.sees("✗ declined")
        await driven.press("down", "enter")
        await driven.sees("✓ acknowledged", "nothing waits for an answer")
        assert answered(told) == [("responder.declined", "chat"), ("responder.acknowledged", "alert")]
        await driven.press("enter")
        assert len(answered(told)) == 2, "it is answered once"
        app.paced(0.0)
        await driven.sees("The facilitator holds time")
        app.drill_over(passed=True)
        await driven.sees("The drill is over: passed")


async def test_everything_is_acknowledged_from_any_screen() -> None:
    async with drilled() as (driven, app, told):
        app.page(ALERT)
        app.page(CHAT)
        await driven.press("f10", "f9")
        await driven.until(lambda: len(answered(told)) == 2)
        assert answered(told) == [("responder.declined", "chat"), ("responder.acknowledged", "alert")]


async def test_every_screen_says_that_it_is_a_drill() -> None:
    async with drilled() as (driven, app, _):
        for place in app.places.known:
            await driven.press("1", place.key)
            await driven.until(lambda: app.screen.is_current)
            await driven.sees("DRILL: a simulated world; nothing real is touched")
            assert " DRILL " in driven.text.splitlines()[0], place.name
            await driven.press("escape")
        await driven.press("1", "down", "H")
        await driven.sees("Plan: halt", "DRILL: a simulated world")


async def test_a_real_event_has_a_way_out_of_every_dialog() -> None:
    async with drilled() as (driven, app, told):
        await driven.press("question_mark")
        await driven.until(lambda: app.screen.is_modal)
        await driven.press("f12")
        await driven.until(lambda: app.return_code is not None)
        assert (app.return_code, told[-1][0]) == (REAL_EVENT, "real")


async def test_outside_a_drill_it_says_what_is_due(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, check: Pictures
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    async with still_console(size=(80, 24)) as driven:
        await driven.press("5")
        await driven.sees("scope global", "never", "DUE", "drill facilitate")
        assert "…" not in driven.text
        texts = [line.strip("█▌▐ ") for line in driven.text.splitlines()]
        starts = [line.index(text) for line, text in zip(driven.text.splitlines(), texts, strict=True) if text]
        assert len({starts[n] for n, text in enumerate(filter(None, texts)) if 2 <= n < len(starts) - 1}) == 1
        assert await check(driven, "drill-due") == []
        await driven.press("enter")  # there is nothing to answer
        assert driven.app.is_running


# -- the desk ------------------------------------------------------------------------------------------------------

SCENARIO = read_scenario(SHIPPED / "runaway-refund-agent.toml")
EVENTS = [
    Happened("drill.began", 0.0, {"scenario": "runaway-refund-agent", "seed": 11}),
    Happened("inject.delivered", 20.0, {"inject": "alert", "kind": "alert"}),
    Happened("responder.acknowledged", 26.0, {"inject": "alert"}),
    Happened("plan.shown", 41.0, {"scope": "agent:refund-7", "profile": "immediate"}),
    Happened("halt.confirmed", 44.0, {"scope": "agent:refund-7"}, {"reason": "wrong refunds"}),
    Happened(
        "halt.ended",
        51.5,
        {"scope": "agent:refund-7", "verdict": "stopped"},
        {"elapsed": 7.5, "slo": 30.0, "slo_met": True, "backends": {}},
    ),
    Happened("facilitator.noted", 52.0, {"objective": "decide", "text": "asked first"}),
    Happened("facilitator.rated", 53.0, {"objective": "decide", "rating": "P"}),
]


def seen(at: float = 55.0) -> DeskView:
    truth = (TruthRow("refund-7", 0, 51, 0, "2027-01-15T09:00:47Z"), TruthRow("refund-8", 2, 80, 0, "never"))
    return replace(view_at(SCENARIO, EVENTS, at), speed=1.0, responders=1, truth=truth)


@asynccontextmanager
async def desk(size: tuple[int, int] = (80, 24)) -> AsyncIterator[tuple[DeskApp, Any, list[str]]]:
    lines: list[str] = []
    app = DeskApp(lines.append, lambda: None)
    async with app.run_test(size=size) as pilot:
        app.show_view(seen())
        for _ in range(200):  # the footer comes last
            if "f12 REAL" in screen_text(app):
                break
            await pilot.pause(0.02)
        yield app, pilot, lines


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
async def test_the_desk_shows_script_expectations_responders_and_truth(size: tuple[int, int], check: Pictures) -> None:
    async with desk(size) as (app, pilot, _):
        text = screen_text(app)
        for said in ("DRILL DESK", "1 at the console", "00:55", "payments-writes", "✓ met", "halt.ended"):
            assert said in text, f"{said}:\n{text}"
        picture(check, app, "drill-desk")
        await pilot.press("t")
        await pilot.pause(0.05)
        assert "running 2" in screen_text(app)
        await pilot.press("t")
        await pilot.pause(0.05)
        assert "P  1 note" in screen_text(app)


def picture(check: Pictures, app: DeskApp | ReplayApp, name: str) -> None:
    path = ROOT / f"{name}-{app.size.width}x{app.size.height}"
    check._compare(path.with_suffix(".txt"), screen_text(app))
    check._compare(path.with_suffix(".svg"), normalize_svg(app.export_screenshot()))


async def test_every_key_of_the_desk_is_a_line_of_the_log() -> None:
    async with desk() as (app, pilot, lines):
        await pilot.press("down", "n", "h", "space", "plus", "minus", "m", "full_stop")
        for key, typed in (
            ("s", "no time"),
            ("a", "Boss: well?"),
            ("A", "mon: hot"),
            ("w", "decide: slow"),
            ("v", "decide S"),
        ):
            await pilot.press(key)
            app.query_one("#typed").value = typed  # type: ignore[attr-defined]
            await pilot.press("enter")
            await pilot.pause(0.02)
        await pilot.press("e")
        app.query_one("#typed").value = "no"  # type: ignore[attr-defined]
        await pilot.press("enter", "x")
        app.query_one("#typed").value = "fire alarm"  # type: ignore[attr-defined]
        await pilot.press("enter", "q", "f12")
        await pilot.pause(0.02)
        assert lines == [
            "now payments-writes",
            "hold payments-writes",
            "pause",
            "speed 2",
            "speed 0.5",
            "speed max",
            "step",
            "skip payments-writes no time",
            "say Boss: well?",
            "alert mon: hot",
            "note decide: slow",
            "rate decide S",
            "abort fire alarm",
            "real",
        ]


async def test_replay_seeks(check: Pictures) -> None:
    app = ReplayApp(SCENARIO, EVENTS)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("right", "right")
        assert app.at == 26.0
        assert "✓ met    halt.confirmed" not in screen_text(app)
        await pilot.press("g", "5", "2", "s", "enter")
        await pilot.pause(0.05)
        text = screen_text(app)
        assert app.at == 52.0
        assert all(said in text for said in ("DRILL REPLAY", "halt.confirmed", "✓ met", "00:52"))
        picture(check, app, "drill-replay")
        await pilot.press("left")
        assert app.at == 51.5
        await pilot.press("home")
        assert app.at == 0.0
        await pilot.press("space", "plus", "plus", "plus")
        deadline = 200
        while app.at < EVENTS[-1].at and deadline:
            await pilot.pause(0.05)
            deadline -= 1
        assert app.at == EVENTS[-1].at, "it plays to the end, and stands there"
