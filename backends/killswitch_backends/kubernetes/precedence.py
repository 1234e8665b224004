"""Changes go first: what a cluster tells by itself, and proofs, stand aside while a halt is being sent.

Only for a moment: an API server ends a watch that is not read, and proof needs what the watches tell.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

ASIDE_SECONDS: Final = 0.05
"""How long whoever reads a watch waits after each turn, while changes go first."""

FIRST_SECONDS: Final = 2.0
"""How long they go first; 1,000 take about one."""

_APART: Final = 1.0
"""Seconds without a change after which the next one begins anew."""


class Precedence:
    """Who goes first at one API server. Lives in one event loop."""

    def __init__(self) -> None:
        self._under_way = 0
        self._began = self._ended = float("-inf")

    @contextmanager
    def change(self) -> Iterator[None]:
        """One change is under way in the block."""
        now = asyncio.get_running_loop().time
        if not self._under_way and now() - self._ended > _APART:
            self._began = now()
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1
            self._ended = now()

    async def turn(self) -> None:
        """Let everybody else work a moment, and changes a longer one."""
        await asyncio.sleep(ASIDE_SECONDS if self._first else 0)

    async def passed(self) -> None:
        """Wait until changes go first no more."""
        while self._first:
            await self.turn()

    @property
    def _first(self) -> bool:
        return bool(self._under_way) and asyncio.get_running_loop().time() - self._began < FIRST_SECONDS
