"""A wrong confirmation at the dialog is in the trail, as at the command line; what was typed is not."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from console.tui.driving import console_of
from console.tui.scripted import deployment, empty_world, role, settings
from killswitch_console.audit.volumes import TrailDirectory
from killswitch_console.halting.recording import Recorder, Warn
from trails import bodies, recording


async def test_a_wrong_text_is_noted_without_what_was_typed(tmp_path: Path) -> None:
    directory, world = TrailDirectory(tmp_path / "audit"), empty_world()
    world.put(role("refund-1"), deployment("refund-1", agent_class="refund", tenant="acme", role="refund-1"))

    @asynccontextmanager
    async def recorder(_: Warn) -> AsyncIterator[Recorder]:
        async with recording(directory) as opened:
            yield opened

    chosen = replace(settings(world, tmp_path / "state"), recorder=recorder)
    async with console_of(chosen, world, size=(80, 24), agents=1) as driven:
        await driven.press("exclamation_mark")
        await driven.sees("Plan: halt", "call")
        await driven.type("it refunds everyone")
        await driven.press("enter")
        await driven.sees("Type  HALT production")
        await driven.type("hunter2 is my password")
        await driven.press("enter")
        await driven.sees("That is not it; nothing was done.")
        await driven.until(lambda: "action.refused" in [body["kind"] for body in bodies(directory)])
        assert world.halted == []
    (refused,) = [body["data"] for body in bodies(directory) if body["kind"] == "action.refused"]
    assert refused == {
        "action": "halt",
        "scope": "Halt global in production?",
        "why": "the confirmation is missing or wrong",
    }
    assert "hunter2" not in json.dumps(bodies(directory))
