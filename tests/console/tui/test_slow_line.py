"""The console over SSH on a line of 200 ms: what is typed ahead is not lost; a halt is planned, confirmed, proven."""

from __future__ import annotations

from pathlib import Path

import pytest

from console_command import CONSOLE
from painted import painted
from simulated import running
from slow_lines import SlowLine
from terminals import over_ssh, sshd, why_no_sshd

ROUND_TRIP = 0.2


@pytest.mark.skipif(bool(why_no_sshd()), reason=why_no_sshd())
@pytest.mark.long
async def test_over_a_line_of_200_ms_it_stays_usable(tmp_path: Path) -> None:
    async with running(agents=4, seed=1) as sim, sshd(tmp_path) as port:
        line = SlowLine(port, one_way=ROUND_TRIP / 2)
        async with line.serving():
            command = over_ssh(tmp_path, line.port, [str(CONSOLE), "--config", str(sim.config_path)])
            async with painted(command, size=(100, 30)) as screen:
                await screen.shows("4 agents", "live", within=90)
                await screen.quiet(1.5)
                last = max(spec.agent_class for spec in sim.specs)
                typed = screen.press(b"jjjkkjjGgggggkG")  # ahead of anything that is seen
                await screen.shows(rf"▌[^A-Za-z]*{last}", since=typed)
                await screen.quiet(1.0)

                typed = screen.press(b"*G")
                name = next(spec.name for spec in sim.specs if spec.agent_class == last)
                await screen.shows(rf"▌[^A-Za-z]*{name}", since=typed)
                typed = screen.press(b"H")
                await screen.shows("Reason", since=typed)
                typed = screen.press(b"over a slow line\r")
                await screen.shows("Press y to halt", since=typed)
                assert sim.truth()[name]["running"] > 0, "a dialog is no confirmation"
                typed = screen.press(b"y")
                await screen.shows("STOPPED", since=typed, within=60)
                assert sim.truth()[name]["running"] == 0

                await screen.quiet(1.5)
                before = line.carried
                await screen.quiet(1.0)
                assert line.carried - before < 1000, "a screen at rest sends next to nothing"
                typed = screen.press(b"q")
                assert await screen.end() == 0
