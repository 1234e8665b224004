"""The same commands against AWS emulators that are not ours: halt with proof, restore, by ``endpoint_url`` alone."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from aws_servers import STARTERS, Server
from console_command import answer

TAGS = {"agent": "refund-1", "agent-class": "refund", "agent-tenant": "acme"}


def configure(server: Server, path: Path) -> Path:
    """A configuration whose Lambda and IAM tables reach one emulator."""
    lines = ['environment = "emulated"', f"state_dir = {json.dumps(str(path.parent / 'state'))}"]
    for kind, more in (("lambda", {"init_seconds": 0, "earlier_timeout": 0}), ("iam", {"propagation_seconds": 1.0})):
        lines += [f"[[{kind}]]", *(f"{key} = {json.dumps(value)}" for key, value in server.table(**more).items())]
    path.write_text("\n".join(lines))
    return path


def state_of(server: Server) -> dict[str, Any]:
    """What the halt may change."""
    functions, iam = server.client("lambda"), server.client("iam")
    reserved = functions.get_function_concurrency(FunctionName="refund-1").get("ReservedConcurrentExecutions")
    arn = functions.get_function(FunctionName="refund-1")["Configuration"]["FunctionArn"]
    return {
        "reserved": reserved,
        "function tags": functions.list_tags(Resource=arn)["Tags"],
        "inline": iam.list_role_policies(RoleName="refund-1-role")["PolicyNames"],
        "role tags": sorted(t["Key"] for t in iam.list_role_tags(RoleName="refund-1-role")["Tags"]),
    }


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
