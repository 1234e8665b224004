"""The wall display as a browser shows it: a real Chromium, the real command, a simulated fleet."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from browser import CHROMIUM, WITHOUT, Page, chromium
from console_command import CONSOLE
from looking import Looking, seen
from simulated import running

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=WITHOUT)


@asynccontextmanager
async def wall(config: Path, *words: str) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    """``killswitch-console serve``; the address that it prints, and its process."""
    process = await asyncio.create_subprocess_exec(
        *(str(CONSOLE), "serve", "--config", str(config), *words),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        env={key: os.environ[key] for key in ("PATH", "HOME", "PYTHONPATH") if key in os.environ},
    )
    assert process.stdout is not None
    try:
        said = (await asyncio.wait_for(process.stdout.readline(), 60)).decode()
        assert said.startswith("wall display, read-only: http://127.0.0.1:"), said
        yield said.split()[3].rstrip(";"), process
    finally:
        if process.returncode is None:
            process.terminate()
        assert await process.wait() in (0, -9)


async def until(page: Page, script: str, *, within: float = 60.0) -> None:
    """Wait until an expression is true in the page."""
    async with asyncio.timeout(within):
        while not await page.run(script):  # noqa: ASYNC110  (another process's state)
            await asyncio.sleep(0.1)


async def shows(page: Page, *texts: str, within: float = 60.0) -> None:
    """Wait until the page's terminal was sent all these."""

    def sight() -> str:
        return seen([page.received()], (300, 100))

    try:
        async with asyncio.timeout(within):
            while not all(text in sight() for text in texts):  # noqa: ASYNC110
                await asyncio.sleep(0.2)
    except TimeoutError:
        pytest.fail(f"{texts} not to be seen on the page:\n{sight()[-2000:]}\n{page.refused()}")


@pytest.mark.long
async def test_the_wall_shows_the_fleet_and_nothing_can_be_done_there(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("f" * 40 + "\n")
    token.chmod(0o600)
    async with running(agents=6, seed=1) as sim, chromium(tmp_path / "profile", *REBOUND) as page:
        async with wall(sim.config_path, "--port", "0", "--token-file", str(token)) as (address, served):
            address = address.replace("TOKEN", "f" * 40)
            port = urlsplit(address).port
            await page.go(address)
            await shows(page, "6 agents", "read-only")
            await until(page, "document.body.classList.contains('-first-byte')")
            await until(page, "document.querySelectorAll('.textual-terminal canvas, .xterm-rows > div').length > 0")
            assert await page.run("location.href") == f"http://127.0.0.1:{port}/", "the token is not in the address"
            assert {urlsplit(url).netloc for url in page.asked()} == {f"127.0.0.1:{port}"}, "nothing from elsewhere"
            assert page.refused() == []
            picture = await page.picture()
            await asyncio.to_thread((tmp_path / "wall.png").write_bytes, picture)

            await page.run("document.querySelector('.xterm-helper-textarea').focus()")
            await page.type("hH2r:halt global\ry")
            await asyncio.sleep(1.0)  # whatever these keys do, they do it within a second
            assert not [one for one in sim.requests() if one["method"] in ("PATCH", "PUT", "DELETE")]

            await page.go(f"http://rebound.example:{port}/?token={'f' * 40}")
            await until(page, "document.body.innerText.includes('does not go by that name')")
            assert await page.run(_socket(f"ws://127.0.0.1:{port}/ws")) == "refused"

            await page.go(address)
            page.events.clear()
            await shows(page, "6 agents")
            served.kill()
            await until(page, "getComputedStyle(document.querySelector('.ended')).display == 'block'")
            assert "NOT LIVE" in await page.run("document.body.innerText")
            page.events.clear()
        again = ("--port", str(port), "--token-file", str(token))
        async with wall(sim.config_path, *again):
            await shows(page, "6 agents")  # it came back by itself


REBOUND = ("--host-resolver-rules=MAP rebound.example 127.0.0.1",)
"""A name of an attacker's that leads to loopback."""


def _socket(url: str) -> str:
    """A script that opens a socket from whatever page it runs in."""
    return (
        f"new Promise(done => {{ const one = new WebSocket('{url}');"
        " one.onopen = () => done('open'); one.onerror = () => done('refused'); })"
    )


async def test_a_console_ends_when_its_server_was_killed(tmp_path: Path) -> None:
    async with running(agents=2, seed=1) as sim:
        module = [sys.executable, "-m", "killswitch_console.serving.shown", "--config", str(sim.config_path)]
        shown = await asyncio.create_subprocess_exec(
            *module, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        assert shown.stdin is not None
        assert shown.stdout is not None
        screen, text = Looking((300, 100)), ""
        async with asyncio.timeout(60):
            while "2 agents" not in text:
                text = screen.feed(await shown.stdout.read(65536))
        shown.stdin.close()  # what a server that was killed leaves behind
        reading = asyncio.create_task(shown.stdout.read())
        assert await asyncio.wait_for(shown.wait(), 60) == 0
        await reading
