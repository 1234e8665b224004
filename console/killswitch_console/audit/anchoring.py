"""Anchoring a volume in the object store, and comparing it with what was anchored before.

Events go up as segments of exact bytes named by their places, then the signed checkpoint named by its size. What is
there already must be equal: anything else is a fork, and a remote checkpoint beyond our end is a truncation. Neither is
ever resolved here; both are alarms. Nothing is remembered that the store does not say itself, so a crash, a restored
backup or a partition of days needs no repair.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from killswitch_backends.problems import Problem, Refused, Unauthenticated
from killswitch_console.audit.merkle import Edge, leaf_hash
from killswitch_console.audit.notes import Checkpoint, NoteError, read_checkpoint
from killswitch_console.audit.reading import Volume, open_volume
from killswitch_console.audit.volumes import log_id

SEGMENT: Final = 5000
"""Events in one object at most."""


class Store(Protocol):
    """Where anchors go; see ``object_store.ObjectStore``."""

    async def put_new(self, key: str, content: bytes) -> bool:
        """Put what must not exist yet; False when it does."""
        ...

    async def get(self, key: str) -> bytes | None:
        """What is there."""
        ...

    async def keys(self, folder: str) -> list[str]:
        """What keys are there, in order."""
        ...


class Alarm(Exception):
    """The trail and its anchor contradict each other: somebody forked, truncated or rewrote one of them."""


@dataclass(frozen=True, slots=True)
class Anchored:
    """What one synchronisation came to."""

    volume: str
    before: int
    """Events that were anchored before."""
    now: int
    total: int
    """Events there are; those beyond the last signature cannot be anchored."""


async def anchor(path: Path, store: Store, known: int = 0) -> Anchored:
    """Anchor what is new in a volume.

    Args:
        path: the volume.
        store: where to.
        known: how far it was anchored as far as this bastion remembers; used only where listing is not allowed.

    Raises:
        Alarm: the anchor contradicts the trail.
        Problem: the store cannot be reached or refuses.
        TrailUnavailable: the volume cannot be read, or holds what its own signature does not cover.
    """
    folder = log_id(path)
    remote = await newest(store, folder)
    with open_volume(path) as volume:
        head = volume.head()
        signed = head.edge.size if head.note else 0
        begin = known if remote is None else remote.size
        if remote is not None:
            compare(volume, remote)
        done = begin
        while done < signed:
            end = min(done + SEGMENT, signed)
            body = b"".join(event.body + b"\n" for event in volume.events(after=done, up_to=end))
            await _put(store, f"{folder}/seg/{done + 1:012d}-{end:012d}.jsonl", body)
            done = end
        if signed > begin and head.note is not None:
            await _put(store, f"{folder}/ckpt/{signed:012d}.note", head.note.encode())
    return Anchored(path.name, begin, max(done, begin), head.size)


async def newest(store: Store, folder: str) -> Checkpoint | None:
    """The last checkpoint in the store; None where there is none, or listing is not allowed.

    Raises:
        Alarm: it does not read.
        Problem: the store cannot be reached, or does not know us.
    """
    try:
        keys = await store.keys(f"{folder}/ckpt/")
    except Unauthenticated:
        raise
    except Refused:  # credentials that may only put
        return None
    if not keys:
        return None
    note = await store.get(keys[-1])
    try:
        return read_checkpoint((note or b"").decode())
    except (NoteError, UnicodeDecodeError) as error:
        raise Alarm(f"{keys[-1]}: the anchored checkpoint does not read: {error}") from error


def compare(volume: Volume, remote: Checkpoint) -> None:
    """Hold a volume against an anchored checkpoint. Raises ``Alarm``."""
    head = volume.head()
    if remote.origin != head.origin:
        raise Alarm(f"{volume.path.name}: the anchor is of another trail, {remote.origin}")
    if head.size < remote.size:
        raise Alarm(
            f"TRUNCATED: {volume.path.name} has {head.size} events, {remote.size} were anchored ({remote.receipt})"
        )
    if root_at(volume, remote.size) != remote.root:
        raise Alarm(f"FORKED: the first {remote.size} events of {volume.path.name} are not those anchored")


def root_at(volume: Volume, size: int) -> bytes:
    """The root of a volume's first events, from their bytes."""
    return Edge().grown(leaf_hash(event.body) for event in volume.events(up_to=size)).root()


async def _put(store: Store, key: str, content: bytes) -> None:
    """Put an object, or find the same one there: what another process or an earlier try left."""
    if await store.put_new(key, content):
        return
    try:
        there = await store.get(key)
    except Problem as problem:
        raise Alarm(f"{key}: exists in the store and cannot be compared ({problem})") from problem
    if there != content:
        raise Alarm(f"FORKED: {key} is in the store with other bytes")


async def anchors_of(store: Store, folder: str) -> list[Checkpoint]:
    """All checkpoints that the store has of a volume. Raises ``Alarm``, ``Problem``."""
    found: list[Checkpoint] = []
    for key in await store.keys(f"{folder}/ckpt/"):
        note = await store.get(key)
        try:
            found.append(read_checkpoint((note or b"").decode()))
        except (NoteError, UnicodeDecodeError) as error:
            raise Alarm(f"{key}: does not read: {error}") from error
    return found
