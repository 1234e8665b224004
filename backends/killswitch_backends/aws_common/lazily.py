"""Something that is read at most once, by whoever needs it first: all others wait for the same answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from killswitch_backends.aws_common.outcomes import outcome, retryable
from killswitch_backends.problems import Problem

T = TypeVar("T")


class Lazily(Generic[T]):
    """One reading, or the problem that it met."""

    def __init__(self, read: Callable[[], Awaitable[T]]) -> None:
        self._read, self._reading = read, asyncio.Lock()
        self._known: list[T | Problem] = []

    async def get(self) -> T | Problem:
        """What was read. A problem is an answer too; one that may pass is given a second chance, once."""
        async with self._reading:
            if not self._known:
                answer = await outcome(self._read())
                if isinstance(answer, Problem) and retryable(answer):
                    answer = await outcome(self._read())
                self._known.append(answer)
        return self._known[0]
