"""A served board for tests: on loopback, with a clock that a test moves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from killswitch_backends.agent_reports.board import Board, application

TOKEN = "board-token"


@dataclass
class Served:
    """A board and its address; ``now`` is its clock."""

    board: Board = field(init=False)
    uri: str = ""
    port: int = 0
    now: float = 0.0

    def __post_init__(self) -> None:
        self.board = Board(clock=lambda: self.now)


@asynccontextmanager
async def serving_board(port: int = 0) -> AsyncIterator[Served]:
    """Serve a new board until the block ends."""
    served = Served()
    app = web.Application()
    app.add_subapp("/agent-reports", application(served.board, TOKEN))
    runner = web.AppRunner(app, shutdown_timeout=0.2, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    served.port = runner.addresses[0][1]
    served.uri = f"http://127.0.0.1:{served.port}/agent-reports"
    try:
        yield served
    finally:
        await runner.cleanup()
