"""The whole way by keys, on real clients over real wire protocols: halt a class, read the proof, compare the truth."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from console.tui.driving import console_of
from console.tui.scripted import empty_world
from console.tui.test_halting_keys import to_dialog
from killswitch_console.assembling import engine_settings
from killswitch_console.config import load_configuration
from killswitch_console.halting.verdict import Verdict
from simulated import running


async def test_a_class_is_halted_and_restored_by_keys(tmp_path: Path) -> None:
    async with running(agents=8, seed=3) as sim:
        await sim.all_acting()
        chosen = engine_settings(load_configuration(sim.config_path))
        async with console_of(chosen, empty_world(), size=(80, 24), agents=8) as driven:
            await to_dialog(driven, "home", "H")
            name = driven.app.screen_stack[1].scopes[0].name  # type: ignore[attr-defined]
            await driven.type(name)
            await driven.press("enter")
            await driven.sees("HALTING")
            await driven.until(lambda: not driven.state.busy, within=60)
            (halt,) = driven.state.book.newest_first()
            assert halt.verdict is Verdict.STOPPED, driven.text
            await driven.sees("■ STOPPED", "r Restore")
            truth = sim.truth()
            for key in halt.header.agents:
                proven = max(
                    t.evidence.at for t in halt.base.targets if t.evidence and key in t.agents and t.layer == "process"
                )
                assert datetime.fromisoformat(truth[key.name]["last_action_at"]) <= proven
            await driven.press("r")
            await driven.sees("Restore class:")
            await driven.type("false alarm")
            await driven.press("enter")
            await driven.sees("to restore", "Cancel")
            await driven.type(name)
            await driven.press("enter")
            await driven.until(lambda: halt.verdict is Verdict.RESTORED, within=60)
            await driven.sees("● RESTORED")
        await sim.all_acting()
