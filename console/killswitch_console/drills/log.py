"""The log of one drill: every event in order, one line of JSON each, and a hash that two runs of one drill share.

The hash is over what happened and in which order, with the facts of each event, not over when: real sockets and threads
take their own milliseconds, and measured seconds are measured. Wall time is kept beside drill time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from killswitch_backends.outside import parsed_exactly
from killswitch_console.drills.happened import Happened

NOT_THE_DRILL: Final = frozenset({"facilitator.did", "facilitator.paced", "facilitator.noted", "facilitator.rated"})
"""What people do about a drill without changing it."""


class DrillLog:
    """Appends to a file as things happen; holds all of it in memory too."""

    def __init__(self, path: Path, wall: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.events: list[Happened] = []
        self._file = path.open("a", encoding="utf-8")
        self._wall = wall

    def add(self, happened: Happened) -> Happened:
        """Give an event its place, and keep it."""
        placed = replace(happened, seq=len(self.events))
        self.events.append(placed)
        line = placed.document() | {"wall": self._wall().isoformat(timespec="milliseconds")}
        self._file.write(json.dumps(line, sort_keys=True) + "\n")
        self._file.flush()
        return placed

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_log(path: Path) -> list[Happened]:
    """The events of a drill that was played. Raises ``OSError``, ``ValueError`` or ``KeyError``."""
    with path.open(encoding="utf-8") as file:
        return [Happened.read(parsed_exactly(line)) for line in file if line.strip()]


def event_hash(events: Iterable[Happened]) -> str:
    """SHA-256 over events and facts in order, in hexadecimal."""
    digest = hashlib.sha256()
    for happened in events:
        if happened.event not in NOT_THE_DRILL:
            digest.update(json.dumps([happened.event, happened.facts], sort_keys=True).encode() + b"\n")
    return digest.hexdigest()
