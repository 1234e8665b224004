"""Retention: closed volumes that are old, verified and anchored elsewhere are removed, and leave their signed heads.

What is removed is told in the trail first, with the signed checkpoint it ended with and where its exact bytes are; so
``verify`` can tell a retired volume from one that somebody deleted. Nothing is removed that the remote store does not
hold to its last event.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from killswitch_backends.problems import Problem
from killswitch_console.audit.anchoring import Alarm, Store, anchors_of
from killswitch_console.audit.findings import Standing, standing
from killswitch_console.audit.notes import Checkpoint, Verifier
from killswitch_console.audit.reading import Selection, open_volume
from killswitch_console.audit.storage import TrailUnavailable, sync_directory
from killswitch_console.audit.verifying import RETIRED, verify_volume
from killswitch_console.audit.volumes import TrailDirectory, log_id

Require = Callable[[str, Mapping[str, Any]], Awaitable[None]]
"""``Recorder.require``: what it tells of does not happen unless it is in the trail."""


@dataclass(frozen=True, slots=True)
class Retirement:
    """One volume that may go: what the trail says of it."""

    path: Path
    data: Mapping[str, Any]


@dataclass(slots=True)
class Retired:
    """What one round of retention came to."""

    removed: list[str] = field(default_factory=list)
    kept: dict[str, str] = field(default_factory=dict)
    """Volumes that are old enough and stay, each with why."""


async def retire(
    directory: TrailDirectory, store: Store, where: str, verifier: Verifier | None, before: datetime, require: Require
) -> Retired:
    """Remove volumes whose last event is older than ``before``, the oldest first; the first that must stay ends it.

    Args:
        directory: the trail.
        store: the remote authority.
        where: what to call that, ``s3://bucket/prefix``.
        verifier: the public key.
        before: everything since then stays.
        require: puts an event into the trail, or raises.

    Raises:
        RecordingNeeded: the trail cannot be written; nothing was removed.
        TrailUnavailable: a volume cannot be read or removed.
    """
    done = Retired()
    for path in directory.volumes():
        if path == directory.current() or not await asyncio.to_thread(_over, path, before):
            break
        try:
            retirement = await _prepared(path, store, where, verifier)
        except (Problem, Alarm, TrailUnavailable, _Stays) as reason:
            done.kept[path.name] = str(reason)
            break
        await require(RETIRED, retirement.data)
        await asyncio.to_thread(_remove, directory, path)
        done.removed.append(path.name)
    return done


class _Stays(Exception):
    """Why a volume may not go."""


def _over(path: Path, before: datetime) -> bool:
    """Whether a volume is closed and all of it is older."""
    with open_volume(path) as volume:
        head = volume.head()
    return head.closed and head.last is not None and datetime.fromisoformat(head.last.fields["at"]) < before


async def _prepared(path: Path, store: Store, where: str, verifier: Verifier | None) -> Retirement:
    anchors = await anchors_of(store, log_id(path))
    report = await asyncio.to_thread(verify_volume, path, verifier, anchors)
    if standing(report.findings) is not Standing.WHOLE:
        raise _Stays(f"it does not verify: {report.findings[0]}")
    checkpoint = report.checkpoint
    if checkpoint is None or max((anchor.size for anchor in anchors), default=0) < report.size:
        raise _Stays("it is not anchored to its last event yet (audit sync)")
    await _all_there(store, log_id(path), report.size)
    data = await asyncio.to_thread(_told, path, checkpoint, where, report.retired)
    return Retirement(path, data)


async def _all_there(store: Store, folder: str, size: int) -> None:
    """Whether segments without a gap hold all events. Raises ``_Stays``."""
    reached = 0
    for key in await store.keys(f"{folder}/seg/"):
        first, _, last = key.rpartition("/")[2].removesuffix(".jsonl").partition("-")
        if int(first) <= reached + 1:
            reached = max(reached, int(last))
    if reached < size:
        raise _Stays(f"the remote store has {reached} of its {size} events")


def _told(path: Path, checkpoint: Checkpoint, where: str, earlier: Mapping[str, Any]) -> dict[str, Any]:
    """What the trail keeps of a volume: its signed head, where its bytes are, and what it knew of those before it."""
    with open_volume(path) as volume:
        head = volume.head()
        first = next(volume.events(Selection(), up_to=1)).fields["at"]
    return {
        "volume": path.name,
        "log": log_id(path),
        "events": checkpoint.size,
        "from": first,
        "to": head.last.fields["at"] if head.last else first,
        "note": (head.note or "").split("\n"),
        "kept_at": f"{where}/{log_id(path)}",
        "earlier": list(earlier.values()),
    }


def _remove(directory: TrailDirectory, path: Path) -> None:
    try:
        path.unlink()
        path.with_name(f"{path.name}-journal").unlink(missing_ok=True)
        sync_directory(directory.path)
    except OSError as error:
        raise TrailUnavailable(f"{path}: {error.strerror or error}") from error


def due(keep_days: int, now: datetime) -> datetime:
    """Everything before this may go."""
    return now - timedelta(days=keep_days)
