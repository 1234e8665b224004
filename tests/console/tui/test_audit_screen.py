"""The audit screen, driven by keys over a real trail: its list, searches, details, verification and exports."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from textual.widgets import Input

from console.tui.driving import ALICE, Driven
from console.tui.scripted import empty_world, settings
from killswitch_console.audit.delivering import remember
from killswitch_console.audit.volumes import TrailDirectory
from killswitch_console.config import load_configuration
from killswitch_console.halting.events import EngineEvent
from killswitch_console.halting.thread import EngineThread
from killswitch_console.tui.app import ConsoleApp
from killswitch_console.tui.screens.audit import AuditScreen
from killswitch_console.tui.state import ConsoleState
from killswitch_console.tui.widgets.long_list import LongList
from trails import drafts, trail_of, unguarded

HOSTILE = "refund [bold]\x1b]0;pwned\x07\u202egnp"
CALLS = 400


@pytest.fixture
async def config(tmp_path: Path) -> Path:
    """A configuration whose trail has two halts and some hundred other events."""
    path = tmp_path / "config.toml"
    path.write_text('environment = "production"\nstate_dir = "state"\n[audit]\nrecording = "off"\n')
    async with trail_of(TrailDirectory(tmp_path / "state" / "audit")) as (trail, session):
        await trail.append(drafts(session, CALLS))
        for number, (scope, incident) in enumerate((("class:refund", "INC-1"), ("tenant:acme", "INC-2"))):
            halt = f"h-{number}"
            header = {"scope": scope, "incident": incident, "reason": HOSTILE, "environment": "production"}
            await trail.append(
                [
                    session.draft("halt.confirmed", header, halt_id=halt),
                    session.draft("target.call", {"target": f"lambda:prod/{HOSTILE}", "attempt": 1}, halt_id=halt),
                    session.draft("halt.ended", header | {"verdict": "stopped", "elapsed_ms": 4200}, halt_id=halt),
                ],
                keep=True,
            )
        refused = {"action": "halt", "scope": "class:refund", "why": "outside the role"}
        await trail.append([session.draft("action.refused", refused)])
    return path


@asynccontextmanager
async def audit_screen(config: Path | None, *, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Driven]:
    """The console with its audit screen on top, read."""
    world = empty_world()
    state = ConsoleState("production", ALICE, configuration=load_configuration(config) if config else None)

    def make(publish: Callable[[EngineEvent], None]) -> EngineThread:
        return EngineThread(settings(world, (config or Path("/nonexistent/x")).parent / "engine"), publish)

    app = ConsoleApp(state, make, now=lambda: datetime.now(UTC))
    async with app.run_test(size=size) as pilot:
        driven = Driven(app, pilot, world)
        await driven.press("3")
        await driven.until(lambda: isinstance(app.screen, AuditScreen) and bool(app.screen.query(LongList)))
        if config is not None:
            await driven.sees(" events")
        yield driven
        await pilot.pause()
        app.engine.close()


def listing(driven: Driven) -> LongList:
    return driven.app.screen.query_one(LongList)


async def ask(driven: Driven, question: str) -> None:
    """Type a question, as a person who waits for the line to be there."""
    await driven.press("slash")
    line = driven.app.screen.query_one("#question", Input)
    await driven.until(lambda: driven.app.focused is line)
    line.value = question
    await driven.press("enter")
    await driven.until(lambda: not driven.app.screen.has_class("-asking"))


async def test_the_newest_event_is_first_and_the_oldest_is_last(config: Path) -> None:
    async with audit_screen(config) as driven:
        await driven.sees("408 events", "action.refused", "outside the role", "halt.ended")
        await driven.press("end")
        await driven.sees("trail.created")
        assert "action.refused" not in driven.text
        await driven.press("home")
        await driven.sees("action.refused")
        assert "\x1b" not in driven.text


async def test_details_tell_everything_and_what_proves_it(config: Path) -> None:
    async with audit_screen(config, size=(120, 40)) as driven:
        await driven.press("down")
        await driven.sees("event 407", "verdict stopped", "elapsed_ms 4200", "signed     yes", "hash")
        await driven.sees("no remote anchor is configured")
    async with audit_screen(config) as driven:
        await driven.sees("outside the role")
        await driven.press("enter")
        await driven.sees("event 408", "signed")
        await driven.press("escape")
        assert await driven.sees("halt.ended")


async def test_searches_and_filters(config: Path) -> None:
    async with audit_screen(config) as driven:
        await driven.sees("408 events")
        for question, count, seen in (
            ("scope:class:refund", 4, "action.refused"),
            ("incident:INC-2", 3, "halt.confirmed"),
            ("by:responder kind:target.call", 2, "target.call"),
            ('"OUTSIDE the role"', 1, "action.refused"),
            ("Deployment/d17", 11, "target.state"),
            ("halt:h-1 kind:halt.", 2, "halt.ended"),
        ):
            await ask(driven, question)
            await driven.until(lambda: listing(driven)._count == count)  # noqa: B023
            await driven.sees(seen, f"{count} event")
        await ask(driven, "by:nobody")
        await driven.sees("Nothing in the trail is like that")
        await ask(driven, "since:yesterday")
        assert await driven.sees("is no time")
        await driven.press("c")
        await driven.until(lambda: listing(driven)._count == 408)


async def test_like_the_event_under_the_cursor(config: Path) -> None:
    async with audit_screen(config) as driven:
        await driven.sees("action.refused")
        await driven.press("i")
        await driven.sees("names no incident")
        await driven.press("down")
        await driven.until(lambda: (event := driven.app.screen._page.event) is not None and event.seq == 407)  # type: ignore[attr-defined]
        await driven.press("i")
        await driven.until(lambda: listing(driven)._count == 3)
        assert await driven.sees("incident:INC-2")
        await driven.press("i")
        await driven.until(lambda: listing(driven)._count == 408)


async def test_new_events_come_in_while_it_is_open(config: Path) -> None:
    async with audit_screen(config) as driven:
        await driven.sees("408 events")
        await driven.press("down", "down")
        at = listing(driven).cursor
        async with trail_of(TrailDirectory(config.parent / "state" / "audit")) as (trail, session):
            await trail.append([session.draft("audit.alarm", {"what": "FORKED"})])
        await driven.sees("409 events")
        await driven.until(lambda: listing(driven).cursor == at + 1)
        await driven.press("home")
        assert await driven.sees("audit.alarm", "FORKED")


async def test_sync_lag_is_shown(config: Path) -> None:
    with config.open("a") as file:
        file.write('[audit.s3]\nbucket = "trail"\n[audit.webhook]\nurl = "https://x"\nsecret = "env:X"\n')
    (volume,) = TrailDirectory(config.parent / "state" / "audit").volumes()
    remember(volume, "s3", 400, None)
    remember(volume, "webhook", 409, "https://x: 503")
    async with audit_screen(config, size=(120, 40)) as driven:
        await driven.sees(
            "remote anchor: 9 events not anchored, the oldest", "webhook: has everything", "https://x: 503"
        )
        await driven.sees("anchored   not yet")
        await driven.press("end")
        assert await driven.sees("trail.created", "anchored   yes")


@pytest.mark.parametrize("harmed", [False, True])
async def test_verify_says_what_is_wrong(config: Path, harmed: bool) -> None:
    if harmed:
        (volume,) = TrailDirectory(config.parent / "state" / "audit").volumes()
        with unguarded(volume) as connection:
            connection.execute("UPDATE event SET actor = 'x' WHERE seq = 77")
    async with audit_screen(config) as driven:
        await driven.sees("not verified from here yet")
        await driven.press("v")
        await driven.sees("TAMPERED" if harmed else "WHOLE, verified")
        if harmed:
            assert await driven.sees("event 77: the stored actor")


async def test_an_export_is_written_and_recorded(config: Path, tmp_path: Path) -> None:
    out = tmp_path / "halt.jsonl"
    async with audit_screen(config) as driven:
        await ask(driven, "incident:INC-1")
        await driven.until(lambda: listing(driven)._count == 3)
        await driven.press("e")
        await driven.sees("Export", "incident:INC-1", "bundle")
        await driven.press("right", "right")
        await driven.sees("the exact bytes", "INC-1-")
        driven.app.screen.query_one("#path").value = str(out)  # type: ignore[attr-defined]
        await driven.press("tab", "enter")
        await driven.sees("3 events exported")
        await driven.press("c", "home")
        await driven.sees("audit.exported")
    assert [json.loads(line)["incident"] for line in out.read_text().splitlines()] == ["INC-1"] * 3


async def test_designed_states_without_a_trail(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('environment = "production"\nstate_dir = "state"\n')
    async with audit_screen(config) as driven:
        await driven.sees("Nothing was recorded yet")
    async with audit_screen(None) as driven:
        assert await driven.sees("There is no configuration")


async def test_a_damaged_volume_is_told(config: Path) -> None:
    (volume,) = TrailDirectory(config.parent / "state" / "audit").volumes()
    volume.write_bytes(b"no database" * 1000)
    async with audit_screen(config) as driven:
        assert await driven.sees("The trail cannot be read", "not a database")
