"""Halting by keys: nothing is halted but by the dialog, whose default is Cancel, and by what the scope demands."""

from __future__ import annotations

from pathlib import Path

from textual import events
from textual.widgets import Input

from console.tui.driving import Driven, console
from console.tui.scripted import deployment, role, small_world
from killswitch_console.halting.verdict import Verdict
from killswitch_console.tui.screens.confirm import ConfirmDialog
from killswitch_console.tui.screens.fleet import FleetScreen
from killswitch_console.tui.screens.halt import HaltScreen
from killswitch_console.tui.screens.plan import PlanScreen
from killswitch_inventory.scopes import Scope


async def to_dialog(driven: Driven, *keys: str, reason: str = "it refunds everyone") -> None:
    """Plan, give a reason, and stop at the dialog that asks."""
    await driven.press(*keys)
    await driven.sees("Plan: halt", "call")
    await driven.type(reason)
    await driven.press("enter")
    await driven.until(lambda: isinstance(driven.app.screen, ConfirmDialog))
    await driven.pilot.pause(0.05)


async def test_a_class_is_halted_by_typing_its_name_and_proven_stopped(tmp_path: Path) -> None:
    async with console(small_world(), tmp_path) as driven:
        await to_dialog(driven, "H")
        await driven.sees("Halt class:refund in production?", "3 agents, 7 running, 5 targets", "refund-10")
        assert driven.world.halted == []
        await driven.type("refund")
        await driven.press("enter")
        await driven.sees("STOPPED", "every agent in scope is proven stopped", "SLO met", "HELD class:refund by alice")
        (halt,) = driven.state.book.newest_first()
        assert halt.verdict is Verdict.STOPPED
        assert halt.header.reason == "it refunds everyone"
        assert halt.header.invoker.os_user == "alice"
        assert {target.path for target in driven.world.halted} == {
            "role/refund-1",
            "role/refund-2",
            "agents/Deployment/refund-1",
            "agents/Deployment/refund-2",
            "agents/Deployment/refund-10",
        }
        await driven.press("escape")
        await driven.sees("■ 3 halted")
        assert isinstance(driven.app.screen, FleetScreen)


async def test_an_agent_is_halted_by_one_key_and_the_others_are_left_alone(tmp_path: Path) -> None:
    async with console(small_world(), tmp_path) as driven:
        await to_dialog(driven, "right", "down", "H")
        await driven.sees("Halt agent:refund-1 in production?", "Press y to halt; Cancel is the default")
        await driven.press("y")
        await driven.sees("STOPPED", "SLO met")
        assert {target.path for target in driven.world.halted} == {"role/refund-1", "agents/Deployment/refund-1"}


async def test_everything_is_halted_by_typing_the_environment(tmp_path: Path) -> None:
    async with console(small_world(), tmp_path) as driven:
        await to_dialog(driven, "exclamation_mark")
        await driven.sees("Halt global in production?", "Type  HALT production")
        await driven.type("HALT production")
        await driven.press("enter")
        await driven.sees("STOPPED")
        assert len(driven.world.halted) == 8


async def ask_again(driven: Driven) -> None:
    """Back on the plan, with its reason still there: to the dialog once more."""
    if isinstance(driven.app.screen, ConfirmDialog):
        await driven.press("escape")
    await driven.until(lambda: isinstance(driven.app.screen, PlanScreen))
    await driven.press("enter")
    await driven.until(lambda: isinstance(driven.app.screen, ConfirmDialog))
    await driven.pilot.pause(0.05)


async def test_the_default_of_the_dialog_for_an_agent_is_cancel(tmp_path: Path) -> None:
    async with console(small_world(), tmp_path) as driven:
        await to_dialog(driven, "right", "down", "H")
        for keys in (("enter",), ("escape",), ("tab", "shift+tab", "enter")):
            await driven.press(*keys)
            await driven.until(lambda: isinstance(driven.app.screen, PlanScreen))
            assert driven.world.halted == [], keys
            assert len(driven.state.book) == 0, keys
            await ask_again(driven)


async def enter_only(driven: Driven) -> None:
    await driven.press("enter")
    await driven.until(lambda: isinstance(driven.app.screen, PlanScreen))


async def wrong_text(driven: Driven) -> None:
    await driven.type("Refund")
    await driven.press("enter")
    await driven.sees("That is not it; nothing was done.")
    assert isinstance(driven.app.screen, ConfirmDialog)
    await driven.press("tab", "tab", "enter")  # the button that halts cannot be reached


async def one_key(driven: Driven) -> None:
    await driven.press("y", "enter")
    await driven.sees("That is not it; nothing was done.")


async def half_and_escape(driven: Driven) -> None:
    await driven.type("refund")
    await driven.press("escape")
    await driven.until(lambda: isinstance(driven.app.screen, PlanScreen))


async def test_nothing_but_its_name_halts_a_class(tmp_path: Path) -> None:
    async with console(small_world(), tmp_path) as driven:
        await to_dialog(driven, "H")
        for way in (enter_only, wrong_text, one_key, half_and_escape):
            await way(driven)
            await driven.pilot.pause(0.05)
            assert driven.world.halted == [], way
            assert not driven.state.busy, way
            await ask_again(driven)


async def test_a_halt_needs_a_reason(tmp_path: Path) -> None:
    async with console(small_world(), tmp_path) as driven:
        await driven.press("H")
        await driven.sees("Plan: halt class:refund", "5 calls")
        await driven.press("space", "enter")
        await driven.sees("a reason is required")
        assert isinstance(driven.app.screen, PlanScreen)
        await driven.press("escape")
        await driven.until(lambda: isinstance(driven.app.screen, FleetScreen))
        assert driven.world.halted == []


async def test_what_a_stalled_line_delivers_at_once_is_filled_into_its_fields(tmp_path: Path) -> None:
    """All keys are there before the first is looked at; the reason is what the record will say for ever."""
    async with console(small_world(), tmp_path) as driven:
        await driven.press("H")
        await driven.sees("Plan: halt", "call")
        for key in ["tab", *"INC-7", "shift+tab", *"refunds"]:
            name, character = {"-": "minus"}.get(key, key), {"tab": "\t"}.get(key, key if len(key) == 1 else None)
            driven.app.post_message(events.Key(name, character))
        incident, reason = (driven.app.screen.query_one(name, Input) for name in ("#incident", "#reason"))
        await driven.until(lambda: len(reason.value + incident.value) == 12)
        assert (reason.value, incident.value) == ("refunds", "INC-7")


async def test_collateral_must_be_accepted_before_anything_asks(tmp_path: Path) -> None:
    async with console(small_world(), tmp_path) as driven:
        await driven.press("down", "right", "down", "H")
        await driven.sees("Plan: halt agent:research-1", "Collateral: agents outside the scope", "research-2")
        await driven.type("why not")
        await driven.press("enter")
        await driven.sees("the collateral must be accepted first")
        await driven.press("space", "ctrl+n")
        await driven.sees("COLLATERAL: 1 agent outside the scope: research-2", "Press y to halt")
        await driven.press("y")
        await driven.sees("STOPPED")
        (halt,) = driven.state.book.newest_first()
        assert [key.name for c in halt.header.collateral for key in c.agents] == ["research-2"]


async def test_the_profile_that_is_chosen_is_the_one_that_halts(tmp_path: Path) -> None:
    async with console(small_world(), tmp_path) as driven:
        await driven.press("right", "down", "H")
        await driven.sees("immediate", "2 calls")
        await driven.press("tab", "tab", "right")
        await driven.sees("graceful", "flags first", "2 calls")
        await driven.press("shift+tab")
        await driven.type("INC-7")
        await driven.press("shift+tab")
        await driven.type("drain it")
        await driven.press("enter")
        await driven.sees("Press y to halt")
        await driven.press("y")
        assert await driven.sees("STOPPED", "graceful", "INC-7")


async def test_a_halt_goes_on_while_nobody_looks_and_o_comes_back_to_it(tmp_path: Path) -> None:
    world = small_world()
    world.drain_on()
    async with console(world, tmp_path) as driven:
        await to_dialog(driven, "H")
        await driven.type("refund")
        await driven.press("enter")
        await driven.sees("Not stopped yet: 5 of 5", "draining", "1 still ends", "left of 60 s", "0/3 stopped")
        assert "STOPPED" not in driven.text
        await driven.press("escape")
        await driven.sees("HALTING class:refund by alice", "» 3 halting")
        await driven.press("q")
        await driven.sees("A halt or a restore is under way")
        await driven.press("enter")
        await driven.until(lambda: isinstance(driven.app.screen, FleetScreen))
        await driven.press("o")
        await driven.until(lambda: isinstance(driven.app.screen, HaltScreen))
        world.end_draining()
        await driven.sees("■ STOPPED", "2/2 stopped", "3/3 stopped", "observed: nothing runs")


async def test_a_scope_that_is_empty_by_now_says_so_and_cannot_be_halted(tmp_path: Path) -> None:
    async with console(small_world(), tmp_path) as driven:
        driven.app.open_plan(Scope.parse("class:nobody"))
        await driven.sees("no agent is known in this scope")
        await driven.type("why")
        await driven.press("enter")
        assert await driven.sees("there is nothing to halt")


async def test_hostile_names_reach_the_screen_without_their_teeth(tmp_path: Path) -> None:
    name = "x\x1b]0;owned\x07[red]y[/red]\u202e\ny"
    world = small_world()
    world.put(role("evil"), deployment(name, agent_class="[bold]a\x9b2J", tenant="t\u2066", role="evil"))
    async with console(world, tmp_path, size=(120, 40), agents=6) as driven:
        await driven.press("asterisk")
        await driven.sees("[bold]a\\x9b2J", "x\\x1b]0;owned\\x07[")
        await to_dialog(driven, "home", "down", "H", reason="[red]")
        await driven.sees("x\\x1b]0;owned\\x07[red]y[/red]\\u202e\\x0ay")
        await driven.press("y")
        await driven.sees("STOPPED")
        assert not set("\x1b\x9b\u202e\u2066\x07") & set(driven.text)
