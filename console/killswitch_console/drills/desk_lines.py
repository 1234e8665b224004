"""The desk on a plain terminal, over any connection, or in a file: lines in, lines out."""

from __future__ import annotations

import asyncio
import sys

from killswitch_console.drills.desk import Desk


class LineFace:
    """Prints what happens; reads commands from standard input until it ends."""

    def show(self, text: str) -> None:
        """One line, or several."""
        print(text, flush=True)  # noqa: T201  (a desk of lines)

    async def attend(self, desk: Desk) -> None:
        """Hand the desk what is typed."""
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while text := await reader.readline():
            desk.do(text.decode("utf-8", "replace"))
        desk.closed.set()


class NoFace:
    """Nobody sits at the desk: a drill that one person plays alone."""

    def show(self, text: str) -> None:
        """Nobody reads it."""

    async def attend(self, desk: Desk) -> None:
        """Leave once the drill is over."""
        await desk.director.ended.wait()
        desk.closed.set()
