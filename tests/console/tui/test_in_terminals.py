"""The console on real pseudo-terminals: dumb ones, few colours and many, none, and locales without UTF-8."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from console_command import CONSOLE
from looking import seen
from painted import Painted, painted
from simulated import Simulated, running

SIXTEEN = re.compile(rb"\x1b\[(?:[0-9]+;)*(?:3[0-7]|4[0-7]|9[0-7]|10[0-7])(?:;[0-9]+)*m")
INDEXED, TRUE = b"8;5;", b"8;2;"


@asynccontextmanager
async def screen(sim: Simulated, *words: str, **env: str) -> AsyncIterator[Painted]:
    command = [str(CONSOLE), *words, "--config", str(sim.config_path)]
    async with painted(command, size=(100, 30), env=env) as shown:
        yield shown


async def shown(sim: Simulated, *words: str, **env: str) -> Painted:
    """What the console painted until the fleet was there, and it was left."""
    async with screen(sim, *words, **env) as painting:
        await painting.shows("3 agents", "live")
        await painting.quiet(0.5)
        painting.press(b"q")
        assert await painting.end() == 0
        await painting.quiet(0.1)
        return painting


async def test_colours_are_those_that_the_terminal_has_and_symbols_those_of_its_locale() -> None:
    async with running(agents=3, seed=1) as sim:
        few = (await shown(sim, TERM="xterm")).painted()
        assert SIXTEEN.search(few)
        assert INDEXED not in few
        assert TRUE not in few
        many = (await shown(sim, TERM="xterm-256color")).painted()
        assert INDEXED in many
        assert TRUE not in many
        assert TRUE in (await shown(sim, TERM="xterm-256color", COLORTERM="truecolor")).painted()

        none = await shown(sim, NO_COLOR="1", COLORTERM="truecolor", LANG="en_US.ISO-8859-1")
        assert not SIXTEEN.search(none.painted())
        assert INDEXED not in none.painted()
        assert TRUE not in none.painted()
        assert none.painted().isascii()
        assert "* kubernetes:sim" in none.text()


async def test_ctrl_l_paints_everything_anew() -> None:
    """What somebody's ``wall`` wrote over is there again; without the key only what changed is sent."""
    async with running(agents=3, seed=1) as sim, screen(sim) as painting:
        await painting.shows("3 agents", "live", "1-7 Screens|1 Fleet")
        await painting.quiet(0.5)
        before = len(painting.arrived)
        whole = seen([data for _, data in painting.arrived], (100, 30))
        painting.press(b"j")
        await painting.quiet(0.3)
        assert "3 agents" not in seen([data for _, data in painting.arrived[before:]], (100, 30))
        before = len(painting.arrived)
        painting.press(b"\x0c")
        deadline = time.monotonic() + 30
        while "q Quit" not in (anew := seen([data for _, data in painting.arrived[before:]], (100, 30))):
            assert time.monotonic() < deadline, f"{whole}\n{anew}"
            await asyncio.sleep(0.05)
        assert len(anew.split()) > 0.9 * len(whole.split()), f"{whole}\n{anew}"
        assert "3 agents" in anew
        painting.press(b"q")
        assert await painting.end() == 0


async def test_a_dumb_terminal_gets_lines_and_what_to_do_next() -> None:
    async with running(agents=3, seed=1) as sim, screen(sim, TERM="dumb") as lines:
        assert await lines.end() == 0
        await lines.quiet(0.2)
        said = lines.painted().decode()
        assert "\x1b" not in said
        assert "cannot draw the console" in said
        assert "agents: 3" in said
        assert "next: plan SCOPE" in said


@pytest.mark.parametrize("size", [(20, 6), (300, 100)])
async def test_a_tiny_and_a_huge_terminal_and_one_that_changes(size: tuple[int, int]) -> None:
    async with running(agents=3, seed=1) as sim, screen(sim) as painting:
        await painting.shows("3 agents")
        painting.resize(size)
        await painting.quiet(0.5)
        painting.resize((80, 24))
        resized = painting.arrived[-1][0]
        await painting.shows("3 agents", since=resized)
        painting.press(b"q")
        assert await painting.end() == 0
