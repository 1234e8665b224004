"""Readiness, runbook and identity on the screen: the table of ``check``, its light, the runbook without anything."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from console.tui.driving import ALICE, console_of, screen_text
from console.tui.picturing import Pictures, pictures
from console.tui.scripted import settings, small_world
from console.tui.still import NOW, still_console
from killswitch_backends.checking import Finding, Standing
from killswitch_console.authority.invoker import PlatformName
from killswitch_console.authority.roles import Authority, Role
from killswitch_console.checking.concern import all_concerns
from killswitch_console.checking.report import Report, Section
from killswitch_console.config import load_configuration
from killswitch_console.halting.events import Identified
from killswitch_console.tui.screens.readiness import ReadinessScreen
from killswitch_console.tui.screens.runbook import RunbookScreen

GREEN = Report(NOW, "production", (Section("platforms", (Finding("iam:prod", Standing.OK, "the clocks agree"),)),))
MIXED = Report(
    NOW - timedelta(seconds=40),
    "production",
    (
        Section("identity", (Finding("person", Standing.OK, "alice@bastion-1, by SSH from 10.0.0.7, as on-call"),)),
        Section(
            "platforms",
            (
                Finding("kubernetes:prod", Standing.OK, "is reached, and was listed whole"),
                Finding("kubernetes:prod", Standing.PROBLEM, "may not patch deployments", "policy kubernetes"),
                Finding("iam:prod", Standing.WARNING, "its clock is 40 s behind"),
            ),
        ),
        Section("break-glass", (Finding("credential aws", Standing.WARNING, "it is 84 days old", "rotate it"),)),
        Section("memory", (Finding("disk \x1b[31m", Standing.OK, "9000 MiB are free for the state"),)),
    ),
)


class Known:
    """Stands for the session's readiness: what was found last, and what a new check finds."""

    def __init__(self, last: Report | None, anew: Report | Exception) -> None:
        self.last, self.anew, self.asked = last, anew, 0

    async def report(self, engine: object, *, max_age: float) -> Report:
        self.asked += 1
        if isinstance(self.anew, Exception):
            raise self.anew
        self.last = self.anew
        return self.anew


@asynccontextmanager
async def checked(known: Known | None, tmp_path: Path, *, size: tuple[int, int] = (80, 24)) -> Any:
    world = small_world()
    chosen = replace(settings(world, tmp_path), readiness=known)  # type: ignore[arg-type]
    async with console_of(chosen, world, size=size, agents=5) as driven:
        yield driven


async def test_the_table_says_what_is_wrong_and_all_of_it_on_demand(tmp_path: Path) -> None:
    known = Known(MIXED, MIXED)
    async with checked(known, tmp_path) as driven:
        await driven.sees("✖ kubernetes:prod not ready  [4]")
        await driven.press("4")
        await driven.sees("NOT ALL GREEN  1 red, 2 amber, 3 ok", "✖ kubernetes:prod: may not patch deployments")
        await driven.sees("→ policy kubernetes", "▲ credential aws: it is 84 days old")
        assert "the clock is" not in driven.text
        assert "is reached" not in driven.text
        await driven.press("a")
        await driven.sees("● kubernetes:prod: is reached, and was listed whole", "9000 MiB")
        assert "\x1b" not in driven.text
        asked, known.anew = known.asked, GREEN
        await driven.press("r")
        await driven.until(lambda: known.asked > asked)
        await driven.sees("all green  1 ok")


async def test_a_check_that_fails_and_no_configuration_are_said(tmp_path: Path) -> None:
    async with checked(Known(MIXED, RuntimeError("the check broke")), tmp_path) as driven:
        await driven.press("4")
        await driven.sees("✖ the last check failed: the check broke", "may not patch deployments")
    async with checked(None, tmp_path / "other") as driven:
        await driven.press("4")
        await driven.sees("There is no configuration that could be checked")
        assert "check:" not in driven.text


async def test_the_runbook_is_behind_the_help_and_needs_nothing(tmp_path: Path) -> None:
    async with checked(None, tmp_path) as driven:
        driven.state.problem = "no engine"
        await driven.press("question_mark")
        await driven.sees("the runbook: when to use the switch")
        await driven.press("6")
        await driven.until(lambda: isinstance(driven.app.screen, RunbookScreen))
        await driven.sees("1. When to use the switch", "2. When not to")
        await driven.press("n", "n")
        await driven.sees("3. Choose the smallest scope")
        await driven.press("end")
        assert await driven.sees("Whom to call", "Nobody is named")


async def test_the_runbook_names_whom_the_configuration_names(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[[contact]]\nrole = "Incident lead"\nname = "Ada"\nreach = "+49 30 1234\\u001b[31m"\n')
    async with still_console(size=(80, 24)) as driven:
        driven.state.configuration = load_configuration(file)
        await driven.press("6")
        await driven.press("end")
        await driven.sees("Incident lead: Ada, +49 30 1234")
        assert "\x1b" not in driven.text


def me_as(*names: str) -> Identified:
    from killswitch_console.authority.roles import mismatches

    role = Role(name="on-call", principals=("os:alice", "aws:arn:oncall"), scopes=("global",))
    platforms = tuple(PlatformName(backend="iam:prod", name=name) for name in names)
    me = replace(ALICE, platforms=platforms, role="on-call")
    return Identified(me, mismatches(Authority(roles=(role,)), me, "production"))


async def test_a_mismatch_with_the_role_is_in_the_header_at_once() -> None:
    async with still_console(size=(120, 40)) as driven:
        driven.state.introduced = me_as("arn:oncall")
        assert driven.state.introduced.mismatches == ()
        driven.app.inbox.put(me_as("arn:somebody-else"))
        await driven.sees("✖ iam:prod takes this console for arn:somebody-else, whom role on-call does not name")


async def test_whom_the_engine_is_taken_for_comes_from_the_engine(tmp_path: Path) -> None:
    world = small_world()
    role = Role(name="others", principals=("os:nobody-at-all",), scopes=("global",))
    chosen = replace(settings(world, tmp_path), authority=Authority(roles=(role,)))
    async with console_of(chosen, world, size=(120, 40), agents=5) as driven:
        await driven.sees("has no role in production: a halt will be refused")
        await driven.until(lambda: bool(driven.state.introduced and driven.state.introduced.invoker.platforms))
        assert driven.state.introduced.invoker.platforms[0].name == "scripted"


def test_every_concern_of_the_issue_is_found_by_listing() -> None:
    names = [concern.name for concern in all_concerns()]
    assert names[0] == "identity"
    assert {"platforms", "coverage", "arrangements", "break-glass", "independence", "memory"} <= set(names)
    assert len(names) == len(set(names))


# -- pictures ------------------------------------------------------------------------------------------------------

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)], ids=lambda size: f"{size[0]}x{size[1]}")


@SIZES
async def test_what_readiness_looks_like(size: tuple[int, int], request: pytest.FixtureRequest) -> None:
    check: Pictures = pictures(request)
    async with still_console(size=size) as driven:
        await driven.press("4")
        await driven.until(lambda: isinstance(driven.app.screen, ReadinessScreen))
        screen = driven.app.screen
        assert isinstance(screen, ReadinessScreen)
        await driven.sees("There is no configuration")
        screen._report = MIXED
        screen.freshen()
        await driven.sees("checked 40 s ago")
        assert await check(driven, "readiness") == []


@SIZES
async def test_what_the_runbook_looks_like(size: tuple[int, int], request: pytest.FixtureRequest) -> None:
    check: Pictures = pictures(request)
    async with still_console(size=size) as driven:
        await driven.press("6")
        await driven.sees("1. When to use the switch")
        assert await check(driven, "runbook") == []


async def test_without_colour_the_words_say_it_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with checked(Known(MIXED, MIXED), tmp_path) as driven:
        await driven.press("4")
        await driven.sees("NOT ALL GREEN")
        assert "✖" in screen_text(driven.app)
