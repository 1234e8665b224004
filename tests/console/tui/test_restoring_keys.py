"""Restoring by keys, moving around, and what stays after the screen is gone."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from console.tui.driving import Driven, console
from console.tui.scripted import deployment, empty_world, small_world
from console.tui.still import record, still_console
from console.tui.test_halting_keys import to_dialog
from console.tui.test_pictures import stopped
from killswitch_console.halting.verdict import Verdict
from killswitch_console.tui.lines import restoring
from killswitch_console.tui.screens.fleet import FleetScreen
from killswitch_console.tui.screens.halts import HaltsScreen
from killswitch_console.tui.screens.restore import RestoreScreen
from killswitch_console.tui.widgets.fleet_tree import FleetTree
from killswitch_inventory.agents import AgentKey
from scripted_platform import Fault


async def halt_refund(driven: Driven) -> None:
    await to_dialog(driven, "H")
    await driven.type("refund")
    await driven.press("enter")
    await driven.sees("STOPPED")


async def to_restore(driven: Driven) -> None:
    await driven.press("2")
    await driven.sees("class:refund", "r Restore")
    await driven.press("r")
    await driven.sees("Restore class:refund", "5 of 5 targets would come back now")


async def test_a_halt_is_restored_with_a_reason_and_the_same_friction(tmp_path: Path) -> None:
    async with console(small_world(), tmp_path) as driven:
        await halt_refund(driven)
        await to_restore(driven)
        await driven.press("enter")
        await driven.sees("a reason is required")
        await driven.type("false alarm")
        await driven.press("enter")
        await driven.sees("Restore class:refund in production?", "Type  refund")
        await driven.type("nonsense")
        await driven.press("enter")
        await driven.sees("That is not it; nothing was done.")
        assert driven.world.restored == []
        await driven.press("escape")
        await driven.until(lambda: isinstance(driven.app.screen, RestoreScreen))
        await driven.press("enter")
        await driven.sees("Type  refund")
        await driven.type("refund")
        await driven.press("enter")
        await driven.sees("RESTORED", "3/3 restored", "2/2 restored")
        assert len(driven.world.restored) == 5
        assert "HELD" not in driven.text
        (halt,) = driven.state.book.newest_first()
        assert halt.verdict is Verdict.RESTORED


async def test_what_somebody_changes_at_that_moment_is_shown_as_a_conflict(tmp_path: Path) -> None:
    async with console(small_world(), tmp_path) as driven:
        await halt_refund(driven)
        driven.world.strike("restore", "kubernetes:prod/agents/Deployment/refund-1", Fault.CHANGED)
        await to_restore(driven)
        await driven.type("false alarm")
        await driven.press("enter")
        await driven.sees("Type  refund")
        await driven.type("refund")
        await driven.press("enter")
        assert await driven.sees("INCOMPLETE", "≠ conflict", "replicas: the halt left 0, found 1", "NOT ALL RESTORED")


async def test_halts_of_an_earlier_session_are_there_at_the_start(tmp_path: Path) -> None:
    world = small_world()
    async with console(world, tmp_path) as driven:
        await halt_refund(driven)
    async with console(world, tmp_path) as driven:
        await driven.sees("HELD class:refund by alice")
        await driven.press("o")
        await driven.until(lambda: isinstance(driven.app.screen, HaltsScreen))
        await driven.press("enter")
        assert await driven.sees("STOPPED", "observed: nothing runs")
        await driven.press("1")
        await driven.until(lambda: isinstance(driven.app.screen, FleetScreen))


async def test_the_screen_ends_and_the_halt_runs_on(tmp_path: Path) -> None:
    world = small_world()
    world.drain_on()
    async with console(world, tmp_path) as driven:
        await to_dialog(driven, "H")
        await driven.type("refund")
        await driven.press("enter")
        await driven.sees("draining")
        await driven.press("q")
        await driven.sees("A halt or a restore is under way")
        await driven.press("y")
        await driven.until(lambda: driven.app.return_value == 0)
    # leaving the context lets the world stop and waits for the engine, as run_app does
    async with console(world, tmp_path) as driven:
        (halt,) = driven.state.book.newest_first()
        assert halt.verdict is Verdict.STOPPED


async def test_a_screen_that_stalls_does_not_delay_a_halt(tmp_path: Path) -> None:
    world = small_world()
    async with console(world, tmp_path) as driven:
        await to_dialog(driven, "exclamation_mark")
        plan = driven.app.screen_stack[1].plans[0]  # type: ignore[attr-defined]
        driven.app.invoking.begin_halts([plan], reason="test", incident=None)
        deadline = time.monotonic() + 10
        while len(world.halted) < 8 and time.monotonic() < deadline:
            time.sleep(0.01)  # noqa: ASYNC251  (the screen's loop hangs here, as on a stalled line; the engine's does not)
        assert len(world.halted) == 8
        await driven.sees("STOPPED")


async def test_the_cursor_stays_on_its_agent_while_others_come_and_change(tmp_path: Path) -> None:
    world = small_world()
    async with console(world, tmp_path) as driven:
        await driven.press("right", "down", "down")
        tree = driven.app.screen.query_one(FleetTree)
        assert tree.node == AgentKey("refund", "globex", "refund-2")
        world.put(deployment("aaa", agent_class="aardvark", tenant="acme"))
        world.put(deployment("refund-0", agent_class="refund", tenant="acme"))
        await driven.sees("aardvark", "refund-0")
        assert tree.node == AgentKey("refund", "globex", "refund-2")
        assert any("▌" in line and "refund-2" in line for line in driven.text.splitlines())


async def test_g_groups_by_tenant_and_h_then_halts_a_tenant(tmp_path: Path) -> None:
    async with console(small_world(), tmp_path) as driven:
        await driven.press("g")
        await driven.sees("TENANT / AGENT", "acme 3", "globex 2")
        await driven.press("home", "H")
        assert await driven.sees("Plan: halt tenant:acme")


async def test_keys_that_move(tmp_path: Path) -> None:
    async with console(small_world(), tmp_path) as driven:
        tree = driven.app.screen.query_one(FleetTree)
        for keys, node in (("jj", "research"), ("jk", "refund"), ("G", "research"), ("jl", "research")):
            await driven.press("home", *keys)
            assert tree.node == node, keys


async def test_an_empty_fleet_a_broken_platform_and_no_halts_say_so() -> None:
    async with still_console(size=(80, 24), world=empty_world()) as driven:
        await driven.sees("No agent is known")
        await driven.press("H")
        assert isinstance(driven.app.screen, FleetScreen)
        await driven.press("2")
        await driven.sees("Nothing was halted from this bastion", "Esc Back")
        assert "Open" not in driven.text.splitlines()[-1], "there is nothing to open"


async def test_a_platform_that_fails_is_named_with_its_reason(tmp_path: Path) -> None:
    world = small_world()
    for backend in ("kubernetes:prod", "iam:prod"):
        world.strike("sight", backend, Fault.EXPIRED)
    async with console(world, tmp_path, agents=0) as driven:
        assert await driven.sees("No platform can be seen", "kubernetes:prod: expired token", "iam:prod: expired token")


def test_what_comes_back_is_told_in_words() -> None:
    halted = record("class:billing", stopped, begun=timedelta(minutes=1), ended=True).targets[0]
    assert halted.captured is not None
    prior = {"inline": ["agent-work"], "attached": [], "deny": None, "max_pods": 3}
    told = restoring._prior(replace(halted, captured=replace(halted.captured, prior=prior)))
    assert told == "back to inline agent-work, attached none, deny none, max pods 3"
