"""The worked example of the documents (docs/adding-a-backend.md) is a backend: it halts, proves, and restores."""

from __future__ import annotations

import importlib.util
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import web

from killswitch_backends.protocol import LabelKeys, Surroundings
from killswitch_console.authority.invoker import current_invoker
from killswitch_console.halting.engine import EngineSettings, open_engine
from killswitch_console.halting.verdict import Verdict
from killswitch_inventory.scopes import Scope
from killswitch_inventory.targets import BackendRef

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "switchboard.py"
PAGE = EXAMPLE.parents[1] / "adding-a-backend.md"


def example() -> Any:
    spec = importlib.util.spec_from_file_location("switchboard", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.KIND


class Board:
    """A switchboard: workers that are taken away finish what they are at."""

    def __init__(self) -> None:
        self.workers = {"refund-1": 3, "refund-2": 0, "triage-1": 2}
        self.busy = dict(self.workers)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        app = web.Application()
        app.router.add_get("/agents", self._all)
        app.router.add_get("/agents/{name}", self._one)
        app.router.add_put("/agents/{name}", self._put)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()

    def _view(self, name: str) -> dict[str, Any]:
        return {
            "class": name.partition("-")[0],
            "tenant": "acme",
            "workers": self.workers[name],
            "busy": self.busy[name],
        }

    async def _all(self, _: web.Request) -> web.Response:
        return web.json_response({name: self._view(name) for name in self.workers})

    async def _one(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        seen = self._view(name)
        self.busy[name] = max(self.workers[name], self.busy[name] - 1)
        return web.json_response(seen)

    async def _put(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        self.workers[name] = (await request.json())["workers"]
        self.busy[name] = max(self.busy[name], self.workers[name])
        return web.json_response(self._view(name))


async def test_it_halts_proves_and_restores(tmp_path: Path) -> None:
    board, kind = Board(), example()
    before = dict(board.workers)
    async with board.serving() as url:
        surroundings = Surroundings("test", LabelKeys(), secret=no_secret, now=lambda: datetime.now(UTC))
        settings = kind.settings(name="one", url=url)
        ref = BackendRef("switchboard", "one")
        openers = {ref: lambda: kind.open(settings, surroundings)}
        engine_settings = EngineSettings(
            environment="test", state_dir=tmp_path, openers=openers, layers={"switchboard": kind.layer}
        )
        async with open_engine(engine_settings) as engine:
            await engine.discover()
            plan = await engine.plan(Scope.parse("class:refund"))
            record = await engine.halt(plan, invoker=current_invoker(), reason="test", timeout=20)
            assert {str(t.target.path): str(t.state) for t in record.targets} == {
                "refund-1": "stopped",
                "refund-2": "stopped",
            }
            assert board.busy == {"refund-1": 0, "refund-2": 0, "triage-1": 2}
            restored = await engine.restore(record.header.halt_id, invoker=current_invoker(), reason="test", timeout=20)
            assert restored.verdict is Verdict.RESTORED
    assert board.workers == before


async def no_secret(reference: str) -> str:
    raise AssertionError(f"asked for {reference}")


def test_the_page_keeps_its_promise() -> None:
    code = [line for line in EXAMPLE.read_text().partition("\nclass ")[2].splitlines() if line.strip()]
    assert len(code) < 100
    assert str(len(code)) in PAGE.read_text()
