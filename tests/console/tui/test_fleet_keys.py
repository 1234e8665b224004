"""The keys of the fleet: moving, grouping, filtering, problems, marks; many keys to one console."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.tui.driving import Driven, console
from console.tui.scripted import small_world
from console.tui.still import NOW, still_console
from killswitch_console.tui.fleet_filter import parse
from killswitch_console.tui.lines import details
from killswitch_console.tui.lines.sparkline import sparkline
from killswitch_console.tui.model import Grouping, Node
from killswitch_console.tui.screens.fleet import FleetScreen
from killswitch_console.tui.screens.halts import HaltsScreen
from killswitch_console.tui.screens.plan import PlanScreen
from killswitch_console.tui.widgets.fleet_tree import FleetTree
from killswitch_inventory.agents import AgentKey


def tree(driven: Driven) -> FleetTree:
    return driven.app.screen.query_one(FleetTree)


def at(node: Node | None) -> str:
    return node.name if isinstance(node, AgentKey) else node or ""


async def test_arrows_and_the_keys_of_vim_move_the_same(tmp_path: Path) -> None:
    del tmp_path
    ways = {
        "home down down": "refund",
        "home j j": "refund",
        "home j j k": "outreach",
        "end up": "refund",
        "G k": "refund",
        "home l l": "billing-1",
        "home right right": "billing-1",
        "home l j j h": "billing",
        "home right down down left": "billing",
        "home h": "billing",
        "home pagedown": "research",
        "home ctrl+f ctrl+b": "billing",
        "home ctrl+d": "research",
        "G ctrl+u": "billing",
        "home asterisk down": "billing-1",
    }
    async with still_console(size=(80, 24)) as driven:
        for keys, expected in ways.items():
            driven.state.fleet.expand_all(on=False)
            tree(driven).follow()
            await driven.press(*keys.split())
            assert at(tree(driven).node) == expected, keys


async def test_g_groups_by_one_thing_after_another_and_stays_with_the_agent() -> None:
    async with still_console(size=(120, 40)) as driven:
        await driven.press("l", "j", "j")
        assert at(tree(driven).node) == "billing-2"
        for grouping, said in (
            (Grouping.TENANT, ["TENANT / AGENT", "acme", "globex", "initech"]),
            (Grouping.BACKEND, ["BACKEND / AGENT", "kubernetes 12"]),
            (Grouping.ACCOUNT, ["CLUSTER", "kubernetes:prod 12"]),
            (Grouping.HEALTH, ["HEALTH / AGENT", "failing 1", "degraded 1", "ok 10"]),
            (Grouping.CLASS, ["CLASS / AGENT", "billing 3"]),
        ):
            await driven.press("g")
            assert driven.state.fleet.grouping is grouping
            await driven.sees(*said)
            assert at(tree(driven).node) == "billing-2", grouping
        await driven.press("g", "g", "home", "H")
        await driven.pilot.pause(0.05)
        assert isinstance(driven.app.screen, FleetScreen), "a backend is no scope: nothing is planned for it"


async def test_a_filter_works_as_it_is_typed_and_escape_clears_it() -> None:
    async with still_console(size=(120, 40)) as driven:
        await driven.press("slash", *"fai")
        await driven.sees("/ fai  1 of 12 agents", "outreach-3", "✖ failing")
        assert "billing" not in driven.text
        await driven.press("enter")
        assert driven.app.focused is tree(driven)
        await driven.press("escape")
        await driven.sees("billing", "research")
        assert "/ fai" not in driven.text
        await driven.press("slash")
        await driven.type("tenant:globex !class:billing")
        await driven.sees("4 of 12 agents", "outreach-4", "refund-1", "research-1")
        await driven.press("escape", "slash")
        await driven.type("state:nonsense")
        await driven.sees("No agent passes the filter", "state:nonsense is none of ok, idle")
        await driven.press("escape", "slash")
        await driven.type("state:")
        await driven.pilot.pause(0.05)
        assert driven.state.fleet.shown == 12, "a term that is still being typed holds for everything"


async def test_n_goes_from_problem_to_problem_and_round() -> None:
    async with still_console(size=(80, 24)) as driven:
        seen = []
        for _ in range(5):
            await driven.press("n")
            seen.append(at(tree(driven).node))
        assert seen == ["billing-2", "outreach-3", "outreach-4", "refund-3", "billing-2"]
        await driven.press("N", "N")
        assert at(tree(driven).node) == "outreach-4"
    async with still_console(size=(80, 9)) as driven:
        await driven.press("n", "n", "n")
        assert "outreach-4" in driven.text, "the cursor is on the screen also where a scrollbar appears with it"


async def test_marks_and_ranges(tmp_path: Path) -> None:
    del tmp_path
    async with still_console(size=(120, 40)) as driven:
        marked = lambda: sorted(key.name for key in driven.state.fleet.marked)  # noqa: E731
        await driven.press("l", "j", "space")
        assert (marked(), at(tree(driven).node)) == (["billing-1"], "billing-2")
        await driven.press("k", "space")
        assert marked() == []
        await driven.press("home", "space")
        assert marked() == ["billing-1", "billing-2", "billing-3"]
        await driven.sees("* 3 marked", "H halts them, u unmarks")
        await driven.press("u")
        assert marked() == []
        await driven.press("home", "j", "v", "j")
        assert marked() == ["billing-1", "billing-2"]
        await driven.sees("range: v ends it")
        await driven.press("v", "j")
        assert marked() == ["billing-1", "billing-2"], "the range has ended"
        await driven.press("escape")
        assert marked() == []


async def test_marked_agents_are_planned_together_and_take_more_than_one_key(tmp_path: Path) -> None:
    async with console(small_world(), tmp_path, size=(120, 40)) as driven:
        await driven.press("l", "j", "space", "space", "H")
        await driven.sees("Plan: halt 2 marked agents", "agent:refund-1", "agent:refund-2")
        await driven.type("both of them")
        await driven.press("enter")
        await driven.sees("Halt 2 marked agents in production?", "Type  HALT 2")
        await driven.press("y", "enter")
        await driven.sees("That is not it; nothing was done.")
        assert driven.world.halted == []
        await driven.press("backspace")
        await driven.type("HALT 2")
        await driven.press("enter")
        await driven.until(lambda: isinstance(driven.app.screen, HaltsScreen))
        await driven.until(lambda: len(driven.state.book) == 2 and not driven.state.busy)
        assert {str(halt.header.scope) for halt in driven.state.book.newest_first()} == {
            "agent:refund-1",
            "agent:refund-2",
        }
        assert len(driven.world.halted) == 4
        assert not driven.state.fleet.marked


async def test_y_copies_the_name_of_what_is_selected(monkeypatch: pytest.MonkeyPatch) -> None:
    async with still_console(size=(80, 24)) as driven:
        copied: list[str] = []
        monkeypatch.setattr(driven.app, "copy_to_clipboard", copied.append)
        await driven.press("l", "j", "y", "home", "y")
        assert copied == ["billing-1", "billing"]


async def test_h_and_the_keys_that_plan_reach_no_halt_by_themselves(tmp_path: Path) -> None:
    """Every key of the fleet, one after another: nothing is halted, and at most a plan is open."""
    async with console(small_world(), tmp_path) as driven:
        keys = {key for key in driven.app.screen.active_bindings if key not in ("q", "ctrl+q", "ctrl+c")}
        assert {"H", "exclamation_mark", "h", "l", "slash", "colon"} <= keys
        for key in sorted(keys):
            await driven.press(key)
            for _ in range(3):
                if len(driven.app.screen_stack) > 1:
                    assert driven.world.halted == [], key
                    await driven.press("escape")
            await driven.press("escape")
        assert driven.world.halted == []
        assert not any(isinstance(screen, PlanScreen) for screen in driven.app.screen_stack)


def test_a_sparkline_stands_on_zero_and_only_zero_is_its_lowest_bar() -> None:
    assert sparkline([0, 1, 50, 100], 10) == ((("▁▂▄█"), sparkline([1], 1)[0][1]),)
    assert sparkline([5, 5, 5], 2)[0][0] == "██"
    assert sparkline([], 5) == ()
    (bars, said) = details.lately([4, 4, 8, 0], 40)
    assert bars[0][0] == "▄▄█▁"
    assert said[0][0] == "4 s, 0 to 8 running"
    assert details.lately([5] * 3, 20) == details.lately([5] * 90, 20) != [], "what is quiet sends nothing each second"


async def test_what_ran_lately_is_kept_once_a_second_for_groups_and_for_agents_that_were_shown() -> None:
    async with still_console(size=(120, 40)) as driven:
        await driven.press("l", "j")
        fleet, history = driven.state.fleet, driven.state.history
        shown = tree(driven).visible_nodes()
        for second in (10, 10, 11, 12, 13):
            history.sample(fleet, shown, second)
        node = tree(driven).node
        assert node is not None
        assert history.of(node)[-4:] == (fleet.running(node),) * 4
        assert len(history.of("outreach")) == len(history.of("billing"))
        driven.app.screen.query_one("#details").show()  # type: ignore[attr-defined]
        await driven.sees("no change lately")
        assert NOW.year == 2026


@pytest.mark.parametrize("text", ["", "   ", "!", "class:", "!state:", "class: tenant:"])
def test_what_is_still_being_typed_filters_nothing(text: str) -> None:
    assert not parse(text)
