"""What the leader of a drill and its responders say to each other: lines of JSON over a Unix socket that is 0600.

Leader: ``welcome``, ``pace``, ``inject``, ``trail``, ``ended``, ``real``. Responder: ``ready``, ``happened``, ``real``.
Both ends belong to one account on one machine, so that a clock is three numbers over its monotonic clock.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict
from typing import Any, Final

from killswitch_backends.outside import parsed
from killswitch_console.drills.clock import Pace

SOCKET: Final = "drill.socket"
"""Its name in the drill's folder, which both processes work in: an absolute path may be too long for a socket."""

LONGEST: Final = 2**20
"""Bytes of one line."""

Words = dict[str, Any]


async def say(writer: asyncio.StreamWriter, what: str, **about: Any) -> None:
    """Send one line; a peer that is gone hears nothing."""
    if writer.is_closing():
        return
    writer.write(json.dumps({"say": what, **about}).encode() + b"\n")
    try:
        await writer.drain()
    except ConnectionError:
        writer.close()


async def lines(reader: asyncio.StreamReader) -> AsyncIterator[Words]:
    """What the peer says, until it is gone or says something that is no line of this protocol."""
    while True:
        try:
            words = read(await reader.readline())
        except (ConnectionError, ValueError):
            return
        yield words


def read(line: bytes) -> Words:
    """One line. Raises ``ValueError``: the peer is gone, or it is no line of this protocol."""
    words = parsed(line)
    if not isinstance(words, dict):
        raise ValueError("no line of a drill")  # noqa: TRY004  (one kind of failure)
    return words


def pace_words(pace: Pace) -> Words:
    """A pace as JSON."""
    return asdict(pace)


def read_pace(words: Mapping[str, Any]) -> Pace:
    """A pace from JSON."""
    return Pace(float(words["monotonic"]), float(words["passed"]), float(words["speed"]))
