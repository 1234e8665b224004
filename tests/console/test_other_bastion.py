"""The commands around a halt in force, on the simulator: a part put back, the rest from another bastion, by marks."""

from __future__ import annotations

import asyncio
import tomllib
from pathlib import Path

from console_command import answer, console
from simulated import Simulated, eventually, process
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


async def test_a_part_is_put_back_here_and_the_rest_from_a_bastion_that_never_saw_the_halt() -> None:
    async with process(agents=4, seed=1) as sim:
        config, other = sim.config_path, other_bastion(sim)
        await sim.all_acting(within=30)
        before = await asyncio.to_thread(worldview, sim)
        one = sim.specs[0].name
        halted = await answer(config, "halt", "global", "--reason", "test", "--confirm", "HALT simulator")
        halt_id = halted["halt_id"]
        part = await answer(
            config, "restore", halt_id, "--only", f"agent:{one}", "--reason", "fixed", "--confirm", "yes"
        )
        assert part["verdict"] == "restored"
        assert part["restored_only"]
        await sim.all_acting(one, within=30)
        (line,) = await answer(config, "status")
        assert (line["held"], line["verdict"], line["open"]) == (True, "stopped", False)

        assert await answer(other, "status") == []
        (found,) = await answer(other, "status", "--marks")
        assert (found["halt_id"], found["foreign"]) == (halt_id, True)
        wrong = await console(other, "restore", halt_id, "--reason", "down", "--confirm", "yes")
        assert wrong.returncode == 3
        back = await answer(other, "restore", halt_id, "--reason", "down", "--confirm", "RESTORE simulator")
        assert back["verdict"] == "restored"
        await eventually(lambda: not difference(before, worldview(sim)), within=15, every=0.5)
        await sim.all_acting(within=30)


async def test_two_people(tmp_path: Path) -> None:
    async with process(agents=2, seed=1) as sim:
        config = sim.config_path
        config.write_text(config.read_text() + '\n[restore]\ntwo_person = ["agent"]\n')
        halted = await answer(config, "halt", f"agent:{sim.specs[0].name}", "--reason", "test", "--confirm", "yes")
        restore = ("restore", halted["halt_id"], "--reason", "fixed", "--confirm", "yes")
        refused = await console(config, *restore)
        assert (refused.returncode, "takes two people" in refused.stderr) == (3, True)
        assert (await console(config, "approve", halted["halt_id"])).returncode == 0
        again = await console(config, "approve", halted["halt_id"])
        assert (again.returncode, "another person" in again.stderr) == (3, True)
        alone = await console(config, *restore)
        assert (alone.returncode, "cannot restore it alone" in alone.stderr) == (3, True)
        assert (await answer(config, *restore, "--alone", "nobody else is awake"))["verdict"] == "restored"
