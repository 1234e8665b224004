"""Recordings of sessions: are they still what the trail says they were, and the way of each to the remote store.

A session's last words name its recording's file and hash. Recordings whose session died are sent once nobody has
written to them for a day.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from killswitch_console.audit.anchoring import Alarm, Store
from killswitch_console.audit.reading import Selection, open_volume
from killswitch_console.audit.volumes import TrailDirectory

ABANDONED_SECONDS: Final = 86_400.0

_FOLDER: Final = "recordings"


@dataclass(frozen=True, slots=True)
class Finished:
    """A recording that nobody writes to any more."""

    path: Path
    sha256: str | None
    """What the trail says; None where its session died before it could say."""


def finished(directory: TrailDirectory) -> Iterator[Finished]:
    """The recordings that are complete. Raises ``TrailUnavailable``."""
    for path in sorted(directory.recordings.glob("*.cast")):
        told = _told(directory, path)
        if told is not None:
            yield Finished(path, told)
        elif time.time() - path.stat().st_mtime > ABANDONED_SECONDS:
            yield Finished(path, None)


def _told(directory: TrailDirectory, path: Path) -> str | None:
    """The hash that a recording's session gave."""
    for volume_path in reversed(directory.volumes()):
        with open_volume(volume_path) as volume:
            for event in volume.latest(Selection(session=path.stem, kind="session.recorded"), 1):
                return str(event.fields["data"].get("sha256"))
    return None


async def send(store: Store, recording: Finished) -> bool:
    """Put a recording into the store; False when it was there.

    Raises:
        Alarm: it is not what the trail says, or the store has another one.
        Problem: the store cannot be reached or refuses.
        OSError: it cannot be read.
    """
    content = recording.path.read_bytes()
    if recording.sha256 is not None and sha256(content).hexdigest() != recording.sha256:
        raise Alarm(f"{recording.path.name}: the recording was changed since its session ended")
    key = f"{_FOLDER}/{recording.path.name}"
    if await store.put_new(key, content):
        return True
    if await store.get(key) != content:
        raise Alarm(f"FORKED: {key} is in the store with other bytes")
    return False


def changed(directory: TrailDirectory, told: dict[str, str]) -> list[str]:
    """Recordings that are here and are not what the trail says (file names and hashes)."""
    return [
        name
        for name, digest in told.items()
        if (path := directory.recordings / Path(name).name).is_file()
        and sha256(path.read_bytes()).hexdigest() != digest
    ]
