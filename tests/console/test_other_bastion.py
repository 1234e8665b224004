"""The commands around a halt in force, on the simulator: a part put back, the rest from another bastion, by marks."""

from __future__ import annotations

import asyncio
import tomllib
from pathlib import Path

import pytest

from console_command import answer, console
from crashing import settings
from killswitch_console.authority.invoker import current_invoker
from killswitch_console.cli.asking import ask_any
from killswitch_console.halting.approving import ApprovalNeeded, SamePerson
from killswitch_console.halting.confirmation import NotConfirmed
from killswitch_console.halting.engine import Engine, open_engine
from killswitch_console.halting.foreign import ForeignHalt
from killswitch_console.halting.verdict import Verdict
from killswitch_inventory.scopes import Scope
from simulated import Simulated, eventually, running
from worldview import difference, worldview


def other_bastion(sim: Simulated) -> Path:
    """The same platforms, with a state directory that never saw anything."""
    text = sim.config_path.read_text()
    path = sim.tmp / "other.toml"
    known = tomllib.loads(text).get("state_dir")
    lines = [line for line in text.splitlines() if not line.startswith("state_dir")]
    assert known is not None
    path.write_text(f'state_dir = "{sim.tmp / "elsewhere"}"\n' + "\n".join(lines) + "\n")
    return path


async def halted(engine: Engine, scope: str) -> str:
    await engine.discover()
    plan = await engine.plan(Scope.parse(scope))
    record = await engine.halt(plan, invoker=current_invoker(), reason="test", accept_collateral=True)
    assert record.verdict is Verdict.STOPPED
    return record.header.halt_id


async def test_a_part_is_put_back_here_and_the_rest_from_a_bastion_that_never_saw_the_halt() -> None:
    async with running(agents=2, seed=1) as sim:
        config, other, one = sim.config_path, other_bastion(sim), sim.specs[0].name
        before = await asyncio.to_thread(worldview, sim)
        async with open_engine(settings(config)) as engine:
            halt_id = await halted(engine, "global")
            part = await engine.restore(
                halt_id, invoker=current_invoker(), reason="fixed", only=Scope.parse(f"agent:{one}")
            )
            assert part.verdict is Verdict.RESTORED
        (line,) = await answer(config, "status")
        assert (line["held"], line["verdict"], line["open"]) == (True, "stopped", False)
        (found,) = await answer(other, "status", "--marks")
        assert (found["halt_id"], found["foreign"]) == (halt_id, True)
        with pytest.raises(NotConfirmed):  # of a halt known by its marks alone, any scope that fits, or the widest
            ask_any("no", ForeignHalt(halt_id, "", "", (), part.header.agents).scopes, "simulator")
        back = await answer(other, "restore", halt_id, "--reason", "down", "--confirm", "RESTORE simulator")
        assert back["verdict"] == "restored"
        await eventually(lambda: not difference(before, worldview(sim)), within=15, every=0.5)


async def test_two_people() -> None:
    async with running(agents=2, seed=1) as sim:
        config, me = sim.config_path, current_invoker()
        config.write_text(config.read_text() + '\n[restore]\ntwo_person = ["agent"]\n')
        async with open_engine(settings(config)) as engine:
            halt_id = await halted(engine, f"agent:{sim.specs[0].name}")
            restore = ("restore", halt_id, "--reason", "fixed", "--confirm", "yes")
            refused = await console(config, *restore)
            assert (refused.returncode, "takes two people" in refused.stderr) == (3, True)
            assert (await console(config, "approve", halt_id)).returncode == 0
            with pytest.raises(SamePerson, match="another person"):
                await engine.approve(halt_id, invoker=me)
            with pytest.raises(ApprovalNeeded, match="cannot restore it alone"):
                await engine.restore(halt_id, invoker=me, reason="fixed")
        assert (await answer(config, *restore, "--alone", "nobody else is awake"))["verdict"] == "restored"
