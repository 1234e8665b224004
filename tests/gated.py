"""A server that is killed and started again on its port, as its clients see it: a TCP relay that is shut and opened.

Shut, it resets every connection and listens no more; what the server was doing for them it may well have done.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

_AT_ONCE = struct.pack("ii", 1, 0)
"""SO_LINGER: closed with a reset."""


class Gate:
    """Relays to a port of this machine while it is open."""

    def __init__(self, to: int) -> None:
        self._to = to
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Gate]:
        """Open until the block ends."""
        await self.open()
        try:
            yield self
        finally:
            self.shut()
            if self._tasks:
                await asyncio.wait(self._tasks)

    async def open(self) -> None:
        """Listen, always on the same port."""
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", self.port, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]

    def shut(self) -> None:
        """Refuse whoever comes, and reset who is there."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in self._writers:
            with suppress(OSError):
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
            writer.transport.abort()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._server is None:
            writer.transport.abort()
            return
        self._writers.add(writer)
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
        self._writers.add(far_writer)
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            task = asyncio.create_task(self._carry(source, sink), name="relay")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):  # either end may have gone
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
        self._writers.discard(sink)
        sink.close()
