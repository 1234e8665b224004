"""What stands around every screen: places, signs, frames, keys of one's own; and a console that may only look."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import ModuleType

import pytest

from console.tui.driving import Driven, console
from console.tui.picturing import ROOT
from console.tui.scripted import IAM, small_world
from console.tui.still import NOW, record, still_console
from console.tui.test_pictures import stopped, under_way
from killswitch_console.halting.events import FleetChanged, HaltBegun, HaltEnded
from killswitch_console.tui import keymap, screens, signs
from killswitch_console.tui.app import ConsoleApp
from killswitch_console.tui.finding import find, modules
from killswitch_console.tui.lines.spans import Line, Tone, length, plain
from killswitch_console.tui.log_book import LogBook
from killswitch_console.tui.places import Place, Places
from killswitch_console.tui.screens.fleet import FleetScreen
from killswitch_console.tui.screens.help import HelpDialog
from killswitch_console.tui.signing import Glance, Look, Sign, SignBoard, fitted
from killswitch_inventory.sightedness import BackendView, Sightedness


def test_every_module_of_screens_and_signs_can_be_imported() -> None:
    assert not find(screens, "PLACE", Place).broken
    assert not find(signs, "SIGN", Sign).broken


def test_places_have_keys_and_names_of_their_own_in_the_order_of_the_keys() -> None:
    known = Places().load()
    assert [place.name for place in known[:2]] == ["fleet", "halts"]
    assert len({place.key for place in known}) == len({place.name for place in known}) == len(known)
    assert [place.key for place in known if place.key.isdigit()] == sorted(p.key for p in known if p.key.isdigit())
    assert not any(place.changes for place in Places(read_only=True).load())


def test_a_part_that_cannot_be_imported_is_told_and_keeps_no_other_from_being_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "found_parts"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "good.py").write_text("PART = 1, 2")
    (folder / "bad.py").write_text("raise RuntimeError('worn out')")
    (folder / "nothing.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    package = ModuleType("found_parts")
    package.__path__ = [str(folder)]
    assert modules(package) == ["bad", "good", "nothing"]
    found = find(package, "PART", int)
    assert found.parts == (1, 2)
    assert [(broken.module, broken.why) for broken in found.broken] == [("bad", "RuntimeError('worn out')")]


def test_lights_are_as_long_as_there_is_room_and_the_quiet_ones_give_way() -> None:
    told = [[plain("long platforms"), plain("plat")], [plain("trail synced"), plain("trail")], [plain("drill")]]
    text = {width: "".join(span for span, _ in fitted(told, width)) for width in (60, 30, 20, 12, 5)}
    assert text[60] == " long platforms   trail synced   drill"
    assert text[30] == " plat   trail synced   drill", "what would push out another light is told shortly"
    assert text[20] == " plat   trail synced", "the last one gave way"
    assert text[12] == " plat"
    assert text[5] == " plat"
    assert all(length(fitted(told, width)) <= width for width in text)


def board(*given: Sign[None]) -> SignBoard:
    made = SignBoard()
    made._signs = given
    return made


async def test_the_frame_takes_the_loudest_look_and_its_word_stands_in_the_title() -> None:
    def loud(_: Glance[None]) -> Look | None:
        return Look(Tone.BAD, "BREAK-GLASS", flashing=True)

    def banner(_: Glance[None], width: int) -> Line | None:
        return plain(f" emergency credentials are open {width}")

    async with still_console(size=(100, 24)) as driven:
        assert driven.app.screen.has_class("-production")
        driven.app.signs = board(
            Sign(name="glass", order=1, frame=loud, banner=banner),
            Sign(name="late", order=2, frame=lambda _: Look(Tone.DRILL, "DRILL")),
        )
        driven.app.freshen()
        await driven.sees("production  BREAK-GLASS", "emergency credentials are open 98")
        assert driven.app.screen.has_class("-bad")
        assert not driven.app.screen.has_class("-production")
        flashes = []
        for second in (0, 1, 2):
            driven.app.now = lambda second=second: NOW.replace(second=second)  # type: ignore[misc]
            driven.app.freshen()
            flashes.append(driven.app.screen.has_class("-flash"))
        assert flashes == [False, True, False]
        await driven.press("2")
        await driven.sees("BREAK-GLASS", "emergency credentials", "Halts")


@pytest.mark.parametrize(
    ("environment", "drill", "tone"),
    [("production", False, "-production"), ("staging-2", False, "-staging"), ("lab", False, "-elsewhere")],
)
async def test_the_environment_colours_the_frame(environment: str, drill: bool, tone: str) -> None:
    async with still_console(size=(80, 24)) as driven:
        driven.state.environment, driven.state.drill = environment, drill
        driven.app.freshen()
        await driven.sees(environment)
        assert driven.app.screen.has_class(tone)
        driven.state.drill = True
        driven.app.freshen()
        await driven.sees(" DRILL ", "nothing real is touched")
        assert driven.app.screen.has_class("-drill")


async def test_help_knows_the_screen_its_keys_and_all_places() -> None:
    async with still_console(size=(120, 40)) as driven:
        await driven.press("question_mark")
        await driven.until(lambda: isinstance(driven.app.screen, HelpDialog))
        await driven.sees("filter as you type", "to the next problem", "every halt, the open ones first")
        await driven.press("question_mark", "7", "question_mark")
        assert await driven.sees("at the bottom it follows what is new")


async def test_escape_goes_one_step_back_until_the_fleet() -> None:
    halt = record("class:billing", stopped, begun=timedelta(minutes=50), ended=True)
    async with still_console(size=(100, 30), records=[halt]) as driven:
        await driven.press("2", "enter", "r")
        stack = [type(screen).__name__ for screen in driven.app.screen_stack]
        assert stack == ["FleetScreen", "HaltsScreen", "HaltScreen", "RestoreScreen"]
        for depth in (3, 2, 1, 1):
            await driven.press("escape")
            assert len(driven.app.screen_stack) == depth
        assert isinstance(driven.app.screen, FleetScreen)


async def test_a_users_own_keys_replace_those_of_the_console_and_wrong_ones_are_told() -> None:
    async with still_console(size=(100, 24)) as driven:
        driven.app.set_keymap({"fleet.group": "ctrl+g", "fleet.halt": "K"})
        await driven.press("g")
        assert "TENANT / AGENT" not in driven.text
        await driven.press("ctrl+g")
        await driven.sees("TENANT / AGENT", "^g Group", "K Halt")
        wrong = keymap.unknown({"fleet.group": "x", "fleet.grup": "y", "place.3": "z"}, [type(driven.app)])
        assert wrong == ["fleet.grup"]


def test_every_key_can_be_remapped() -> None:
    Places().load()
    without = [
        f"{one.__name__}: {binding.key}"
        for one in keymap._classes()
        if one.__module__.startswith("killswitch_console.tui.screens") and issubclass(one, FleetScreen.__mro__[1])
        for binding in keymap._bindings([one])
        if not binding.id
    ]
    assert not without


def test_the_documentation_lists_the_keys_of_the_core_screens_by_their_ids() -> None:
    Places().load()
    document = (ROOT.parent / "docs" / "console.md").read_text(encoding="utf-8")
    core = ("app.", "fleet.", "halt.", "halts.", "log.", "plan.", "restore.", "tree.")
    ids = {*keymap.known(), *(binding.id for binding in keymap._bindings([ConsoleApp]) if binding.id)}
    assert not [one for one in ids if one.startswith(core) and f"`{one}`" not in document]


async def test_a_console_that_may_only_look_offers_and_does_nothing_that_changes(tmp_path: Path) -> None:
    async with console(small_world(), tmp_path, read_only=True) as driven:
        await driven.sees("read-only")
        assert "H Halt" not in driven.text
        for key in ("H", "exclamation_mark"):
            await driven.press(key)
            assert isinstance(driven.app.screen, FleetScreen), key
        assert driven.app.places.by_key("b") is None
        halt = record("class:billing", stopped, begun=timedelta(minutes=50), ended=True)
        driven.app.inbox.put(HaltBegun(replace(halt, ended_at=None)))
        driven.app.inbox.put(HaltEnded(halt))
        driven.app.open_halt(halt.header.halt_id, halt.header.scope)
        await driven.sees("STOPPED")
        assert "r Restore" not in driven.text
        for key in ("r", "f", "a"):
            await driven.press(key)
            assert len(driven.app.screen_stack) == 2, key
        driven.app.open_restore(halt.header.halt_id)
        assert len(driven.app.screen_stack) == 2
        plan = await driven.app.ask(lambda engine: engine.plan(halt.header.scope.parse("class:refund")), name="plan")
        driven.app.invoking.begin_halts([plan], reason="a defect", incident=None)
        await driven.sees("this console is read-only: halt is refused")
        assert driven.world.halted == []


async def rings(driven: Driven, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is told from now on, and a 'ring' for each bell."""
    heard: list[str] = []
    monkeypatch.setattr(driven.app, "bell", lambda: heard.append("ring"))
    monkeypatch.setattr(driven.app, "notify", lambda text, **_: heard.append(text))
    return heard


async def test_an_objective_that_is_overrun_rings_once(monkeypatch: pytest.MonkeyPatch) -> None:
    halt = record("class:outreach", under_way, begun=timedelta(seconds=44), ended=False)
    async with still_console(size=(80, 24)) as driven:
        heard = await rings(driven, monkeypatch)
        driven.app.inbox.put(HaltBegun(halt))
        await driven.sees("HALTING class:outreach")
        driven.app._tick()
        assert heard == []
        driven.app.now = lambda: NOW + timedelta(seconds=2)  # type: ignore[method-assign]
        driven.app._tick()
        driven.app._tick()
        assert heard == ["ring", "SLO of kubernetes:prod in class:outreach is overrun: not all is proven stopped"]
        driven.app.now = lambda: NOW + timedelta(seconds=20)  # type: ignore[method-assign]
        driven.app._tick()
        assert heard[2:] == ["ring", "SLO of class:outreach is overrun: not all is proven stopped"]
        await driven.press("7")
        await driven.sees("halt of class:outreach began", "SLO of class:outreach is overrun", "kubernetes:prod is live")
        await driven.press("w")
        await driven.sees("only what is wrong", "SLO of class:outreach is overrun")
        assert "began" not in driven.text


def test_the_log_tells_a_restore_from_a_halt_that_is_told_of_once_more() -> None:
    halt = record("class:billing", stopped, begun=timedelta(minutes=5), ended=True)
    log = LogBook()
    log.take([HaltBegun(replace(halt, ended_at=None))], NOW)
    log.take([HaltEnded(halt)], NOW)
    log.take([HaltBegun(halt), HaltEnded(halt)], NOW)
    log.take([HaltBegun(halt)], NOW)
    said = [(entry.text.partition(" (")[0], entry.times) for entry in log.entries]
    assert said == [
        ("halt of class:billing began", 1),
        ("class:billing: stopped", 2),
        ("restore of class:billing began", 1),
    ]


async def test_laggards_are_forced_after_a_dialog_that_says_what_that_risks(tmp_path: Path) -> None:
    world = small_world()
    world.drain_on()
    async with console(world, tmp_path, size=(120, 40)) as driven:
        driven.app.open_plan(record("class:refund", stopped, begun=timedelta(0), ended=True).header.scope)
        await driven.sees("Plan: halt", "call")
        await driven.type("it refunds everyone")
        await driven.press("enter")
        await driven.sees("Type  refund")
        await driven.type("refund")
        await driven.press("enter")
        await driven.sees("2 accepted 0/2", "3 accepted 0/3", "draining", "f Force")
        halted = len(world.halted)
        await driven.press("f")
        await driven.sees("End 3 laggards of class:refund without grace?", "Grace 0", "Type  refund", "Cancel")
        await driven.press("enter")
        await driven.pilot.pause(0.05)
        assert len(world.halted) == halted, "the default is Cancel"
        await driven.press("f")
        await driven.sees("Grace 0", "Type  refund")
        await driven.type("refund")
        await driven.press("enter")
        await driven.until(lambda: len(world.halted) == halted + 3)
        world.end_draining()
        await driven.sees("■ STOPPED")


async def test_every_size_from_80x24_to_300x100_is_taken_live() -> None:
    async with still_console(size=(80, 24)) as driven:
        await driven.press("l", "j", "j")
        for width, height in ((300, 100), (60, 20), (110, 30), (80, 24)):
            await driven.pilot.resize_terminal(width, height)
            await driven.until(lambda: len(driven.text.splitlines()) == height)  # noqa: B023  (it waits here)
            await driven.sees("billing-2")
            lines = driven.text.splitlines()
            assert any("▌" in line and "billing-2" in line for line in lines), (width, height)
            assert all(len(line) <= width for line in lines)


def test_the_log_is_not_filled_by_platforms_that_are_listed_again_every_minute() -> None:
    log = LogBook()

    def sees(*sights: Sightedness) -> None:
        for sight in sights:
            log.take([FleetChanged((), (), (BackendView(IAM, sight, problem="expired"),))], NOW)

    sees(Sightedness.LISTING, Sightedness.LIVE, Sightedness.LISTING, Sightedness.LIVE)
    sees(Sightedness.STALE, Sightedness.LISTING, Sightedness.STALE, Sightedness.LISTING, Sightedness.LIVE)
    said = [entry.text for entry in log.entries]
    assert said == [f"{IAM} is {how}" for how in ("listing", "live", "stale: expired", "live")]
