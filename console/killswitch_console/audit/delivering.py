"""Delivering a volume to a mirror, from where it left off; cursors live beside the events."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any, Final

from killswitch_console.audit.events import Event, moment_now
from killswitch_console.audit.mirrors import Later, Mirror, Rejected
from killswitch_console.audit.reading import open_volume
from killswitch_console.audit.storage import TrailUnavailable

BATCH: Final = 500


async def deliver(path: Path, mirror: Mirror) -> int:
    """Send a mirror what it has not had; how many it took.

    Raises:
        Later: it takes nothing now. What it took before that is remembered.
        TrailUnavailable: the volume cannot be read.
    """
    taken = 0
    with open_volume(path) as volume:
        origin = volume.head().origin
        cursor = volume.cursor(mirror.name)
        after = cursor[0] - 1 if cursor else 0
        while batch := list(islice(volume.events(after=after), BATCH)):
            try:
                refused = await _send(mirror, origin, batch)
            except Later as later:
                remember(path, mirror.name, after + 1, str(later))
                raise
            after = batch[-1].seq
            taken += len(batch) - len(refused)
            remember(path, mirror.name, after + 1, None, refused)
    return taken


async def _send(mirror: Mirror, origin: str, events: Sequence[Event]) -> list[tuple[int, str]]:
    """Send a batch; one that is refused is halved until the refused records stand alone. Returns those."""
    try:
        await mirror.send(origin, events)
    except Rejected as rejected:
        if len(events) == 1:
            return [(events[0].seq, str(rejected))]
        middle = len(events) // 2
        return [*await _send(mirror, origin, events[:middle]), *await _send(mirror, origin, events[middle:])]
    return []


def remember(
    path: Path, sink: str, next_seq: int, problem: str | None, refused: Sequence[tuple[int, str]] = ()
) -> None:
    """Note how far a sink is. Raises ``TrailUnavailable``."""
    cursor: tuple[Any, ...] = (sink, next_seq, moment_now(), problem)
    try:
        with closing(sqlite3.connect(path, timeout=2.0, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT OR REPLACE INTO cursor VALUES (?, ?, ?, ?)", cursor)
            rows = [(sink, seq, why) for seq, why in refused]
            connection.executemany("INSERT OR REPLACE INTO refused VALUES (?, ?, ?)", rows)
            connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise TrailUnavailable(f"{path}: {error}") from error
