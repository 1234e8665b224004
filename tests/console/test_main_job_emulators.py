"""The same commands against AWS emulators that are not ours: halt with proof, restore, by ``endpoint_url`` alone."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from aws_servers import STARTERS
from console_command import answer
from emulated_account import TAGS, configure, state_of


@pytest.mark.parametrize("emulator", ["moto", "ministack"])
async def test_halt_and_restore_against_an_emulator(emulator: str, tmp_path: Path) -> None:
    with STARTERS[emulator](tmp_path) as server:
        server.make_function("refund-1", server.make_role("refund-1-role", tags=TAGS), tags=TAGS)
        server.client("lambda").put_function_concurrency(FunctionName="refund-1", ReservedConcurrentExecutions=3)
        config = configure(server, tmp_path / "config.toml")
        before = await asyncio.to_thread(state_of, server)

        (agent,) = await answer(config, "agents", "agent:refund-1")
        assert agent["layers"] == ["process", "credential"]
        halt = await answer(config, "halt", "agent:refund-1", "--reason", "test", "--confirm", "yes")
        assert halt["verdict"] == "stopped"
        assert {t["backend"]: t["evidence"]["grade"] for t in halt["targets"]} == {
            "lambda": "bounded",
            "iam": "bounded",
        }
        halted = await asyncio.to_thread(state_of, server)
        assert halted["reserved"] == 0
        assert halted["inline"]

        await answer(config, "restore", halt["halt_id"], "--reason", "test", "--confirm", "yes")
        assert await asyncio.to_thread(state_of, server) == before
