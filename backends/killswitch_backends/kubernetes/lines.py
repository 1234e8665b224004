"""The lines of a watch, as values: read as they come, and handed on in turns, so that a halt is never behind them.

A cluster that ends a thousand pods sends thousands of events, in just the second in which a thousand changes are to be
sent. Nothing is skipped here and nothing judged.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from killswitch_backends.kubernetes.failures import Unreadable, one_line
from killswitch_backends.outside import parsed

MOST_BYTES = 4 * 2**20
"""Of one line: no object of Kubernetes is that big."""

TURN_SECONDS = 0.002
"""How long lines are worked on before everybody else has a turn."""


async def lines(
    response: Any, where: str, *, silence: float, turn: Callable[[], Awaitable[object]]
) -> AsyncIterator[Any]:
    """One value per line; a line that is not over after ``silence`` seconds is none, however its bytes trickle in.

    Args:
        response: of aiohttp, whose body is read.
        where: the cluster, for problems.
        silence: seconds without a whole line after which it is given up with ``TimeoutError``.
        turn: waited for after each ``TURN_SECONDS`` of work.

    Raises:
        Unreadable: a line is none of JSON, or has no end.
    """
    now = asyncio.get_running_loop().time
    unfinished = bytearray()
    deadline, worked = now() + silence, 0.0
    while True:
        if not unfinished:
            deadline = now() + silence
        async with asyncio.timeout_at(deadline):
            chunk = await response.content.readany()
        unfinished += chunk
        if chunk and b"\n" not in chunk:
            if len(unfinished) > MOST_BYTES:
                raise Unreadable(where, f"the watch sent a line of more than {MOST_BYTES // 2**20} MiB")
            continue
        *whole, unfinished = unfinished.split(b"\n")
        deadline = now() + silence
        for line in whole if chunk else [unfinished]:  # at the end of the stream: what has no end of line
            began = now()
            if line.strip():
                yield _value(bytes(line), where)
            worked += now() - began
            if worked > TURN_SECONDS:
                await turn()
                worked = 0.0
        if not chunk:
            return


def _value(line: bytes, where: str) -> Any:
    try:
        return parsed(line)
    except ValueError as error:  # cut in mid-line
        raise Unreadable(where, f"the watch sent something unreadable: {one_line(str(error))}") from None
