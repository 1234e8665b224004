"""Receivers of notices on loopback, for tests: one that hears, and one that takes the call and never answers."""

from __future__ import annotations

import asyncio
import http.server
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any


@contextmanager
def pager() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A webhook on loopback: its apprise URL, and what it was told."""
    heard: list[dict[str, Any]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"json://127.0.0.1:{server.server_port}/", heard
        finally:
            server.shutdown()
            thread.join()


@asynccontextmanager
async def silent_pager() -> AsyncIterator[str]:
    """The apprise URL of a service that accepts connections and says nothing."""
    taken: list[asyncio.StreamWriter] = []

    async def take(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken.append(writer)

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    try:
        yield f"json://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        for writer in taken:
            writer.close()
        server.close()
