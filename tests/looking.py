"""What a person sees on a terminal, from the bytes that were sent to it: only cells that changed are."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pyte

_STRANGE = re.compile(rb"\x1b\[[?>=][0-9;]*\$?[a-zA-Z]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[P_^][^\x1b]*\x1b\\")
"""Questions to the terminal and settings of it, which paint nothing."""


class Looking:
    """A terminal of so many columns and rows."""

    def __init__(self, size: tuple[int, int]) -> None:
        self._screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self._screen)
        self._rest = b""

    def resize(self, size: tuple[int, int]) -> None:
        """It has another size from now on."""
        self._screen.resize(size[1], size[0])

    def feed(self, data: bytes) -> str:
        """Take in what was sent; all that is to be seen then, a line for each row."""
        whole = self._rest + data
        begun = whole.rfind(b"\x1b", max(0, len(whole) - 200))  # a sequence may be cut by the end of what arrived
        self._rest = whole[begun:] if begun >= 0 and not re.search(rb"[a-zA-Z\\\x07]", whole[begun + 2 :]) else b""
        self._stream.feed(_STRANGE.sub(b"", whole[: len(whole) - len(self._rest)]))
        return "\n".join(line.rstrip() for line in self._screen.display)


def seen(chunks: Iterable[bytes], size: tuple[int, int]) -> str:
    """What is to be seen once all of it was sent."""
    terminal, text = Looking(size), ""
    for chunk in chunks:
        text = terminal.feed(chunk)
    return text
