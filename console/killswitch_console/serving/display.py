"""The server of the wall display: textual-serve's, behind the gate, with a page that loads nothing from elsewhere.

Each browser gets a read-only console of its own, as a process (``shown.py``). Nothing here can halt or restore: that
process refuses it by itself (``halting/read_only.py``).
"""

from __future__ import annotations

import asyncio
import html
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Final

from aiohttp import web
from textual_serve.app_service import AppService
from textual_serve.server import Server

from killswitch_console.serving.gate import Gate

LEAST_CELLS, MOST_CELLS = 10, 1000
"""Columns or rows that a browser may ask for."""

QUIT_SECONDS: Final = 10.0
"""How long a console may take to end once its browser has gone."""

_OWN = ("wall.css", "wall.js")


@dataclass(frozen=True, slots=True, kw_only=True)
class Display:
    """What is served, and to how many."""

    command: Sequence[str]
    """The read-only console, as arguments."""
    environment: str
    gate: Gate = field(repr=False)
    viewers: int = 8
    """Browsers at a time; each costs a process and its connections to the platforms."""


class Console(AppService):
    """One console for one browser: started without a shell, sized within reason, killed if it does not end."""

    argv: Sequence[str] = ()

    async def _open_app_process(self, width: int = 80, height: int = 24) -> Process:
        self._process = process = await asyncio.create_subprocess_exec(
            *self.argv, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=self._build_environment(width, height)
        )
        self._stdin = process.stdin
        return process

    async def set_terminal_size(self, width: int, height: int) -> None:
        """Tell the console how large the browser's terminal is."""
        await super().set_terminal_size(_cells(width), _cells(height))

    async def stop(self) -> None:
        """Have the console end; kill it if it does not."""
        process = self._process
        try:
            async with asyncio.timeout(QUIT_SECONDS):
                await super().stop()
        except TimeoutError:
            if process is not None and process.returncode is None:
                process.kill()
        if process is not None:
            await process.wait()


class WallServer(Server):
    """textual-serve with a gate before it."""

    def __init__(self, display: Display) -> None:
        super().__init__("", title=f"killswitch-console: {display.environment}")
        self._display = display
        self._watching = 0
        package = files("killswitch_console.serving")
        self._page = package.joinpath("wall.html").read_text(encoding="utf-8")
        self._parts = {name: package.joinpath(name).read_text(encoding="utf-8") for name in _OWN}

    async def application(self) -> web.Application:
        """textual-serve's application with our page, and the gate as its outermost part."""
        app = await self._make_app()
        app.middlewares.append(self._display.gate.check)
        app.router.add_get(r"/{part:wall\.(?:css|js)}", self._part)
        return app

    async def on_startup(self, app: web.Application) -> None:
        """Print nothing: the command says where to look."""

    async def handle_index(self, request: web.Request) -> Any:
        """The page; all its addresses are of this server."""
        scheme = "wss" if self._display.gate.public == f"https://{request.host}" else "ws"
        marks = {"@title@": self.title, "@socket@": f"{scheme}://{request.host}/ws"}
        page = self._page
        for mark, value in marks.items():
            page = page.replace(mark, html.escape(value))
        return web.Response(text=page, content_type="text/html")

    async def _part(self, request: web.Request) -> web.Response:
        name = request.match_info["part"]
        kind = "text/css" if name.endswith(".css") else "text/javascript"
        return web.Response(text=self._parts[name], content_type=kind)

    async def handle_websocket(self, request: web.Request) -> Any:
        """One browser's console, for as long as it looks."""
        if self._watching >= self._display.viewers:
            return web.Response(status=503, text=f"{self._watching} browsers are looking already (--viewers)\n")
        self._watching += 1
        try:
            return await self._show(request)
        finally:
            self._watching -= 1

    async def _show(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(heartbeat=15)
        await socket.prepare(request)
        console = Console(
            "",
            write_bytes=socket.send_bytes,
            write_str=socket.send_str,
            close=socket.close,  # type: ignore[arg-type]  # what it returns is not looked at
            download_manager=self.download_manager,
        )
        console.argv = self._display.command
        try:
            await console.start(_cells(request.query.get("width", 80)), _cells(request.query.get("height", 24)))
            await self._process_messages(socket, console)
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, AssertionError):
            await socket.close(code=1003, message=b"not what the page sends")
        finally:
            await console.stop()
        return socket


def _cells(given: object) -> int:
    """A number of cells within reason, whatever a browser says."""
    try:
        return min(MOST_CELLS, max(LEAST_CELLS, int(str(given))))
    except ValueError:
        return 80


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; ``port`` 0 takes a free one. Raises ``OSError``."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family)


async def serve(display: Display, listening: socket.socket) -> None:
    """Serve until a signal ends it; requests are not logged, since the first carries the token."""
    runner = web.AppRunner(await WallServer(display).application(), access_log=None, shutdown_timeout=1.0)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        with suppress(RuntimeError, ValueError):  # not the main thread, in a test
            loop.add_signal_handler(number, ended.set)
    await runner.setup()
    try:
        await web.SockSite(runner, listening).start()
        await ended.wait()
    finally:
        await runner.cleanup()


def console_command(config: str, theme: str | None) -> list[str]:
    """The command of a read-only console for one browser."""
    module = "killswitch_console.serving.shown"
    given = ["--theme", theme] if theme else []
    return [sys.executable, "-m", module, "--config", os.path.abspath(config), *given]  # noqa: PTH100  (a name, no file)
