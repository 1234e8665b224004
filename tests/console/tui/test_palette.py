"""The palette: every place, key and scope by typing; what it runs is what the key would have done."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from console.tui.driving import Driven, console
from console.tui.scripted import small_world
from console.tui.still import record, still_console
from console.tui.test_pictures import stopped
from killswitch_console.tui.model import Grouping
from killswitch_console.tui.palette import Palette
from killswitch_console.tui.screens.fleet import FleetScreen
from killswitch_console.tui.screens.halt import HaltScreen
from killswitch_console.tui.screens.help import HelpDialog
from killswitch_console.tui.screens.log import LogScreen
from killswitch_console.tui.screens.palette import PaletteDialog
from killswitch_console.tui.screens.plan import PlanScreen


async def command(driven: Driven, text: str) -> None:
    await driven.press("colon")
    await driven.until(lambda: isinstance(driven.app.screen, PaletteDialog))
    await driven.type(text)
    await driven.press("enter")
    await driven.until(lambda: not isinstance(driven.app.screen, PaletteDialog))
    await driven.pilot.pause(0.05)


async def test_commands_lead_where_keys_lead() -> None:
    halt = record("class:billing", stopped, begun=timedelta(minutes=50), ended=True)
    async with still_console(size=(100, 30), records=[halt]) as driven:
        await command(driven, "log")
        assert isinstance(driven.app.screen, LogScreen)
        await command(driven, "fleet")
        await command(driven, "halt class:outreach")
        await driven.sees("Plan: halt class:outreach")
        await driven.press("escape")
        await command(driven, "halt research-2")
        await driven.sees("Plan: halt agent:research-2")
        await driven.press("escape")
        await command(driven, "halt instance:billing-1/billing-1-0")
        assert isinstance(driven.app.screen, PlanScreen)
        assert str(driven.app.screen.scopes[0]) == "instance:billing-1/billing-1-0"
        await driven.press("escape")
        await command(driven, "group by health")
        assert driven.state.fleet.grouping is Grouping.HEALTH
        await command(driven, "filter state:fail")
        await driven.sees("1 of 12 agents")
        await command(driven, "help")
        assert isinstance(driven.app.screen, HelpDialog)
        await driven.press("escape", "escape")
        await command(driven, f"open {halt.header.halt_id}")
        assert isinstance(driven.app.screen, HaltScreen)
        await command(driven, "show billing-3")
        assert isinstance(driven.app.screen, FleetScreen)
        await driven.sees("billing-3")
        await command(driven, "theme light")
        assert driven.app.theme == "light"


async def test_it_is_narrowed_down_completed_and_left_by_keys() -> None:
    async with still_console(size=(100, 30)) as driven:
        await driven.press("colon")
        await driven.sees("fleet", "halts", "audit")
        await driven.type("halt out")
        await driven.sees("halt class:outreach", "halt agent:outreach-4")
        await driven.press("down", "tab")
        await driven.sees("halt agent:outreach-1")
        await driven.press("escape")
        assert isinstance(driven.app.screen, FleetScreen)
        await driven.press("colon")
        await driven.type("no such command")
        await driven.press("enter")
        assert isinstance(driven.app.screen, PaletteDialog)


async def test_a_scope_is_offered_for_every_class_and_tenant_and_everything(tmp_path: Path) -> None:
    async with console(small_world(), tmp_path) as driven:
        texts = [entry.text for entry in Palette(driven.app, driven.app.screen).fitting("halt")]
        assert {"halt global", "halt class:refund", "halt class:research", "halt tenant:acme"} <= set(texts)
        driven.state.read_only = True
        texts = [entry.text for entry in Palette(driven.app, driven.app.screen).fitting("halt")]
        assert not [text for text in texts if text.startswith("halt ") or "plan a halt" in text]


async def test_what_entries_do_fits_on_80_columns_and_nothing_only_moves_the_cursor() -> None:
    async with still_console(size=(80, 24)) as driven:
        await driven.until(lambda: bool(driven.app.places.known))
        texts = {entry.text for entry in Palette(driven.app, driven.app.screen).fitting("")}
        assert {"halt", "halt everything", "filter", "next problem", "mark"} <= texts
        assert not texts & {"up", "down", "top", "bottom", "page up", "page down", "half a page up", "half a page down"}
        await driven.press("colon")
        seen = set[str]()
        for _ in texts:
            await driven.press("down")
            seen |= {line for line in driven.text.splitlines() if "│" in line}
        shown = "\n".join(seen)
        assert "rights, clocks, vaults, trail" in shown
        assert "key !" in shown
        assert "…" not in shown, driven.text
        await driven.press("escape")
        for place in driven.app.places.known:
            if place.key.isdigit():
                await driven.press(place.key)
                here = {entry.text for entry in Palette(driven.app, driven.app.screen).fitting("")}
                assert not here & {"up", "down", "top", "bottom", "page up", "page down", "scroll"}, place.name
