"""A real headless Chromium, driven over its DevTools protocol: pages, what they run, what their sockets receive."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
WITHOUT = "no Chromium on this machine (Debian: apt install chromium)"


class Page:
    """One tab."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.events: list[tuple[str, dict[str, Any]]] = []

    async def listen(self) -> None:
        """Take answers and events until the tab ends."""
        async for message in self._socket:
            said = json.loads(message.data)
            if "id" in said:
                self._answers.pop(said["id"]).set_result(said)
            else:
                self.events.append((said["method"], said["params"]))

    async def tell(self, method: str, **parameters: object) -> dict[str, Any]:
        """One command of the protocol; what it answers."""
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        said = await asyncio.wait_for(answer, 20)
        assert "result" in said, said
        return dict(said["result"])

    async def go(self, url: str) -> None:
        await self.tell("Page.navigate", url=url)

    async def run(self, script: str) -> Any:
        """What an expression is in the page."""
        said = await self.tell("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        return said["result"].get("value")

    async def type(self, text: str) -> None:
        """Press keys."""
        for key in text:
            await self.tell("Input.dispatchKeyEvent", type="keyDown", text=key, key=key)
            await self.tell("Input.dispatchKeyEvent", type="keyUp", key=key)

    async def picture(self) -> bytes:
        """What the page looks like, as a PNG."""
        said = await self.tell("Page.captureScreenshot", format="png")
        return base64.b64decode(said["data"])

    def received(self) -> bytes:
        """All that the page's sockets have received."""
        frames = [one["response"] for name, one in self.events if name == "Network.webSocketFrameReceived"]
        return b"".join(base64.b64decode(one["payloadData"]) for one in frames if one["opcode"] == 2)

    def asked(self) -> list[str]:
        """The addresses of all that the page has asked for."""
        return [one["request"]["url"] for name, one in self.events if name == "Network.requestWillBeSent"]

    def refused(self) -> list[str]:
        """What the browser told in its console as an error: what a page may not load, and scripts that failed."""
        logged = [one["entry"]["text"] for name, one in self.events if name == "Log.entryAdded"]
        thrown = [str(one["exceptionDetails"]) for name, one in self.events if name == "Runtime.exceptionThrown"]
        return logged + thrown


@asynccontextmanager
async def chromium(folder: Path, *arguments: str) -> AsyncIterator[Page]:
    """A browser with a profile of its own, and one tab in it."""
    assert CHROMIUM is not None, WITHOUT
    options = (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--enable-unsafe-swiftshader",
    )
    quiet = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--mute-audio")
    process = await asyncio.create_subprocess_exec(
        *(CHROMIUM, *options, *quiet, *arguments, f"--user-data-dir={folder}", "--remote-debugging-port=0"),
        *("--window-size=1400,900", "about:blank"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        port = await _port(folder / "DevToolsActivePort")
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json") as answer:
                tabs = [tab for tab in await answer.json(content_type=None) if tab["type"] == "page"]
            async with session.ws_connect(tabs[0]["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                page = Page(socket)
                listening = asyncio.create_task(page.listen())
                for domain in ("Page", "Network", "Runtime", "Log"):
                    await page.tell(f"{domain}.enable")
                yield page
                listening.cancel()
                await asyncio.wait([listening])
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _port(file: Path) -> int:
    for _ in range(600):
        with suppress(OSError, ValueError, IndexError):
            return int((await asyncio.to_thread(file.read_text)).splitlines()[0])
        await asyncio.sleep(0.05)
    raise AssertionError("Chromium did not open its DevTools port")
