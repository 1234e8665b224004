"""The trail on every screen: nothing while all is well, a light while it is not off the box, else a banner."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from console.tui.driving import ALICE
from console.tui.still import NOW
from killswitch_console.audit.browsing import Sink
from killswitch_console.audit.delivering import remember
from killswitch_console.audit.volumes import TrailDirectory
from killswitch_console.tui.signing import Glance
from killswitch_console.tui.signs.trail import SIGN, TrailState
from killswitch_console.tui.state import ConsoleState
from trails import recording


def said(known: TrailState | None) -> tuple[list[str], str]:
    """The light's forms and the banner."""
    glance = Glance(ConsoleState("production", ALICE), NOW, known)
    assert SIGN.light is not None
    assert SIGN.banner is not None
    lights = ["".join(text for text, _ in form) for form in SIGN.light(glance)]
    banner = SIGN.banner(glance, 80)
    return lights, "".join(text for text, _ in banner) if banner else ""


def behind(events: int, ago: timedelta, problem: str = "") -> TrailState:
    return TrailState(anchor=Sink("s3", events, NOW.isoformat(), problem, (NOW - ago).isoformat()))


@pytest.mark.parametrize("known", [None, TrailState(), behind(0, timedelta(days=3)), behind(40, timedelta(seconds=20))])
def test_nothing_while_all_is_well(known: TrailState | None) -> None:
    assert said(known) == ([], "")


def test_a_lag_is_a_light() -> None:
    lights, banner = said(behind(1204, timedelta(minutes=7)))
    assert lights[0] == "! 1,204 events not anchored for 7 min 00 s  [3]"
    assert lights[-1] == "! not anchored"
    assert banner == ""
    assert said(behind(1, timedelta(seconds=5), "AccessDenied"))[0], "a refusal needs no patience"


def test_a_trail_that_cannot_be_written_is_a_banner_on_every_screen() -> None:
    lights, banner = said(TrailState(problem="database or disk is full\x1b[2J", waiting=12))
    assert lights == []
    assert banner.startswith(" AUDIT TRAIL NOT WRITTEN; 12 events wait: database or disk is full")
    assert "\x1b" not in banner


async def test_it_asks_the_engines_own_trail(tmp_path: Path) -> None:
    assert SIGN.ask is not None
    directory = TrailDirectory(tmp_path / "audit")
    assert await SIGN.ask(SimpleNamespace(recorder=object())) == TrailState()  # type: ignore[arg-type]
    async with recording(directory) as recorder:
        await recorder.require("check.ran", {})
        engine = SimpleNamespace(recorder=recorder)
        assert await SIGN.ask(engine) == TrailState()  # type: ignore[arg-type]
        (volume,) = directory.volumes()
        remember(volume, "s3", 2, "AccessDenied")
        known = await SIGN.ask(engine)  # type: ignore[arg-type]
        assert known.anchor is not None
        assert (known.anchor.behind, known.anchor.problem) == (2, "AccessDenied")
