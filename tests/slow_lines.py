"""A line that is long: a TCP relay on loopback that delivers everything late, in order, both ways."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class SlowLine:
    """Delays each byte by ``one_way`` seconds; as much as is written may be under way, as on a long fast line."""

    def __init__(self, to: int, *, one_way: float) -> None:
        self._to, self._one_way = to, one_way
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        self.carried = 0
        """Bytes that went towards whoever connected."""

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[SlowLine]:
        server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            if self._tasks:
                await asyncio.wait(self._tasks)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
        for source, sink, counts in ((reader, far_writer, False), (far_reader, writer, True)):
            task = asyncio.create_task(self._carry(source, sink, counts=counts))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, counts: bool) -> None:
        loop = asyncio.get_running_loop()
        try:
            with suppress(OSError):  # either end may have gone
                while data := await source.read(65536):
                    self.carried += len(data) if counts else 0
                    loop.call_later(self._one_way, _deliver, sink, data)
            await asyncio.sleep(self._one_way)
        finally:
            sink.close()
        with suppress(OSError):
            await sink.wait_closed()


def _deliver(sink: asyncio.StreamWriter, data: bytes) -> None:
    if not sink.is_closing():
        sink.write(data)
