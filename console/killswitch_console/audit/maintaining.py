"""Keeping the trail for years: rotation that proves continuity, and a copy that is consistent while it grows."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from killswitch_console.audit.events import Draft
from killswitch_console.audit.notes import Signer
from killswitch_console.audit.reading import Volume, open_volume
from killswitch_console.audit.session import Session
from killswitch_console.audit.storage import PRAGMAS, SCHEMA, TrailUnavailable, sync_directory
from killswitch_console.audit.trail import open_trail
from killswitch_console.audit.volumes import TrailDirectory, log_id

_INSERT: Final = "INSERT INTO event VALUES (?,?,?,?,?,?,?,?,?)"


async def rotate(directory: TrailDirectory, session: Session, signer: Signer) -> Path:
    """Close the current volume and begin one that names how it ended; returns the new one.

    A damaged volume is closed as it is, and the new one says so.

    Raises:
        TrailUnavailable: there is none, or a new one cannot be begun.
    """
    current = directory.current()
    if current is None:
        raise TrailUnavailable(f"{directory.path}: there is no trail yet")
    before = await _closed(current, session.draft("trail.closed", {"volume": current.name}), signer)
    with directory.locked():
        if directory.current() != current:
            raise TrailUnavailable(f"{directory.path}: somebody else rotated it just now")
        return directory.begin(session.draft, signer, before)


async def _closed(path: Path, draft: Draft, signer: Signer) -> dict[str, object]:
    """Close a volume; what the next one says of it."""
    try:
        trail = await open_trail(path, signer)
        try:
            head = await trail.append([draft], keep=True, close=True)
        finally:
            await trail.close()
    except TrailUnavailable as error:
        return {"damaged": path.name, "why": str(error)}
    return {"continues": {"log": log_id(path), "note": (head.note or "").split("\n"), "size": head.size}}


def back_up(directory: TrailDirectory, out: Path) -> dict[str, int]:
    """Copy all volumes into a directory that does not exist yet; consoles go on writing meanwhile.

    Each copy is the volume as it was when its copying began: what comes later is not in it, and its signed head is that
    of the moment. Verify it with ``audit verify``.

    Raises:
        TrailUnavailable: a volume cannot be read, or the copy cannot be written.
    """
    copied: dict[str, int] = {}
    try:
        out.mkdir(mode=0o700)
        for path in directory.volumes():
            with open_volume(path) as volume:
                copied[path.name] = _copy(volume, out / path.name)
        for name in ("current", "verifier-key"):
            if (directory.path / name).exists():
                (out / name).write_bytes((directory.path / name).read_bytes())
        sync_directory(out)
    except (OSError, sqlite3.Error) as error:
        raise TrailUnavailable(f"{out}: {error}") from error
    return copied


def _copy(volume: Volume, out: Path) -> int:
    head = volume.head()
    copied = 0
    out.touch(mode=0o600)
    with closing(sqlite3.connect(out, isolation_level=None)) as copy:
        for pragma in PRAGMAS:
            copy.execute(pragma)
        copy.executescript(SCHEMA)
        copy.execute("BEGIN")
        for row in volume.rows(up_to=head.size):
            copy.execute(_INSERT, row)
            copied += 1
        kept = [row for row in volume.checkpoints() if row[0] <= head.size]
        copy.executemany("INSERT INTO checkpoint VALUES (?, ?)", kept)
        values = (head.origin, head.edge.size, bytes(head.edge), head.note, int(head.closed))
        copy.execute("INSERT INTO head VALUES (1, ?, ?, ?, ?, ?)", values)
        copy.execute("COMMIT")
    return copied
