"""Events that went to the remote store past a trail that could not be written, and their way back into it.

Each lies there under its own id, locked like everything else. What is there and not in the trail (its process died
before it could put it in) goes into the spool, from which the next writer replays it after an ``audit.gap``. What is in
both must be the same.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path

from killswitch_backends.problems import Refused, Unauthenticated
from killswitch_console.audit.anchoring import Store
from killswitch_console.audit.canonical import canonical
from killswitch_console.audit.events import Draft, Event
from killswitch_console.audit.reading import open_volume
from killswitch_console.audit.spool import Spool, SpoolError
from killswitch_console.audit.storage import TrailUnavailable
from killswitch_console.audit.volumes import TrailDirectory


def folder_of(directory: TrailDirectory) -> str:
    """Where the events of this trail fall to: several bastions may share a bucket."""
    place = f"{socket.gethostname()}:{directory.path.resolve()}"
    return f"fallen/{sha256(place.encode()).hexdigest()[:16]}"


async def send(store: Store, directory: TrailDirectory, drafts: Sequence[Draft]) -> None:
    """Put events into the store, each under its own id. Raises ``Problem``."""
    for draft in drafts:
        await store.put_new(f"{folder_of(directory)}/{draft.id}.json", canonical(draft.fields()))


async def recover(store: Store, directory: TrailDirectory) -> int:
    """Put what the trail lacks into the spool; how many events.

    Raises:
        Problem: the store cannot be read.
        TrailUnavailable: the trail or the spool cannot be used.
    """
    lacking = [event_id for event_id, event in await _known(store, directory) if event is None]
    drafts = [draft for event_id in lacking if (draft := await _fetched(store, directory, event_id)) is not None]
    spool = Spool(directory.spool)
    try:
        there = {draft.id for draft in spool.read().drafts}
        fresh = [draft for draft in drafts if draft.id not in there]
        if fresh:
            spool.add(fresh)
    except SpoolError as error:
        raise TrailUnavailable(str(error)) from error
    return len(fresh)


async def compare(store: Store, directory: TrailDirectory) -> tuple[list[str], list[str]]:
    """Events that are other in the trail than in the store, and those that it lacks, in words. Raises as above."""
    changed: list[str] = []
    lacking: list[str] = []
    for event_id, event in await _known(store, directory):
        if event is None:
            lacking.append(f"event {event_id} was sent past the trail and is not in it yet (audit sync puts it in)")
            continue
        draft = await _fetched(store, directory, event_id)
        if draft is None or not _same(draft, event):
            changed.append(f"event {event.seq} is not what was sent to the remote store when it happened")
    return changed, lacking


async def _known(store: Store, directory: TrailDirectory) -> list[tuple[str, Event | None]]:
    """The ids of what fell, each with its event; those of retired volumes are left out."""
    try:
        keys = await store.keys(f"{folder_of(directory)}/")
    except Unauthenticated:
        raise
    except Refused:  # credentials that may only put
        return []
    ids = [key.rpartition("/")[2].removesuffix(".json") for key in keys]
    return list(_looked_up(directory, ids)) if ids else []


def _looked_up(directory: TrailDirectory, ids: Sequence[str]) -> Iterator[tuple[str, Event | None]]:
    volumes = directory.volumes()
    found: dict[str, Event] = {}
    for path in volumes:
        with open_volume(path) as volume:
            found |= {event.fields["id"]: event for event_id in ids if (event := volume.event(event_id)) is not None}
    oldest = _beginning(volumes[0]) if volumes else ""
    for event_id in ids:
        if event_id in found or event_id > oldest:  # ids sort by time
            yield event_id, found.get(event_id)


def _beginning(path: Path) -> str:
    """The id of a volume's first event, if another volume came before it; otherwise nothing is older than the trail."""
    with open_volume(path) as volume:
        first = volume.between(1, 1).get(1)
    return str(first.fields["id"]) if first and first.fields["data"].get("continues") else ""


async def _fetched(store: Store, directory: TrailDirectory, event_id: str) -> Draft | None:
    """What lies in the store; None where that is no event."""
    content = await store.get(f"{folder_of(directory)}/{event_id}.json")
    try:
        return Draft.read(content or b"")
    except (ValueError, TypeError):
        return None


def _same(draft: Draft, event: Event) -> bool:
    """Whether an event tells what its draft told; only its place, and that it is late, came to it."""
    told = {name: value for name, value in event.fields.items() if name not in ("seq", "prev", "late")}
    return told == {name: value for name, value in draft.fields().items() if name != "late"}
