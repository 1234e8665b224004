"""Reading other bastions' trails: from the object store that all of them synchronise with, or from a copied directory.

Nothing of a trail is believed before it was verified whole: its events against its tree's root, the root against a
signature, the signature's key against those that a person said to believe. It changes nothing.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from killswitch_backends.problems import Problem
from killswitch_console.audit.anchoring import Store
from killswitch_console.audit.events import Event, Unreadable
from killswitch_console.audit.findings import standing
from killswitch_console.audit.merkle import GrowingTree, leaf_hash
from killswitch_console.audit.notes import Checkpoint, NoteError, Verifier, read_checkpoint
from killswitch_console.audit.reading import Selection, open_volume
from killswitch_console.audit.settings import Audit
from killswitch_console.audit.storage import TrailUnavailable
from killswitch_console.audit.verifying import verify_volume
from killswitch_console.audit.volumes import TrailDirectory

Resolve = Callable[[str], Awaitable[str]]

SYNCED: Final = "s3"
"""What a person says for the object store of ``[audit.s3]``."""


@dataclass(slots=True)
class OtherTrails:
    """What other bastions' trails tell of one halt, and which of them are not believed."""

    events: list[dict[str, Any]] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    """Trails that tell of the halt and are not believed, each with why and what to do."""


async def read_store(store: Store, halt_id: str, keys: Sequence[Verifier]) -> OtherTrails:
    """What all trails in an object store tell of a halt. Raises ``Problem``."""
    found = OtherTrails()
    names = await store.keys("")
    for log in sorted({name.partition("/")[0] for name in names if "/ckpt/" in name}):
        mine = [name for name in names if name.startswith(f"{log}/")]
        try:
            found.events += await _read_log(store, mine, halt_id, keys)
        except _Doubtful as doubt:
            found.doubts.append(f"the trail {log}: {doubt}")
    return found


def read_directory(path: Path, halt_id: str, keys: Sequence[Verifier]) -> OtherTrails:
    """What a trail's directory, or a copy of one, tells of a halt. Blocks. Raises ``TrailUnavailable``."""
    found, directory = OtherTrails(), TrailDirectory(path)
    if not directory.volumes():
        raise TrailUnavailable(f"{path}: there is no trail in it")
    for volume_path in directory.volumes():
        with open_volume(volume_path) as volume:
            told = [event for event in volume.events(Selection(halt=halt_id)) if halt_id.encode() in event.body]
            note = volume.head().note
        try:
            if told:
                report = verify_volume(volume_path, _key_of(note, keys))
                if report.findings:
                    raise _Doubtful(f"{standing(report.findings)}: {report.findings[0]}")
                found.events += _of_halt(told, halt_id)
        except _Doubtful as doubt:
            found.doubts.append(f"{volume_path.name}: {doubt}")
    return found


def _of_halt(told: Iterable[Event], halt_id: str) -> list[dict[str, Any]]:
    """Those events of verified bytes that are a halt's own. Raises ``_Doubtful``: what was signed is no event."""
    try:
        return [fields for event in told if (fields := event.fields)["halt"] == halt_id]
    except Unreadable as error:
        raise _Doubtful(str(error)) from None


_SEGMENT: Final = re.compile(r"/seg/(?P<first>[0-9]{12})-(?P<last>[0-9]{12})\.jsonl\Z")


class _Doubtful(Exception):
    """A trail is not believed."""


async def _read_log(store: Store, names: Sequence[str], halt_id: str, keys: Sequence[Verifier]) -> list[dict[str, Any]]:
    """A log's events of a halt, once all of its events are found to be the signed ones. Raises ``_Doubtful``."""
    note = await _last_note(store, names)
    told: list[Event] = []
    tree = GrowingTree()
    async with aclosing(_lines(store, names)) as lines:
        async for line in lines:
            if tree.size == note.checkpoint.size:
                break
            tree.append(leaf_hash(line))
            if halt_id.encode() in line:
                told.append(Event(tree.size, line))
    if not told:
        return []
    if tree.size != note.checkpoint.size or tree.edge().root() != note.checkpoint.root:
        raise _Doubtful(f"TAMPERED: its events are not the {note.checkpoint.size} that its checkpoint signs")
    _key_of(note.text, keys)
    return _of_halt(told, halt_id)


@dataclass(frozen=True, slots=True)
class _Note:
    text: str
    checkpoint: Checkpoint


async def _last_note(store: Store, names: Sequence[str]) -> _Note:
    name = max(name for name in names if "/ckpt/" in name)
    text = (await store.get(name) or b"").decode(errors="replace")
    try:
        return _Note(text, read_checkpoint(text))
    except NoteError as error:
        raise _Doubtful(f"TAMPERED: {name} does not read: {error}") from error


async def _lines(store: Store, names: Sequence[str]) -> AsyncGenerator[bytes, None]:
    """The events' exact bytes in order, one segment in memory at a time."""
    after = 0
    for name in sorted(name for name in names if "/seg/" in name):
        places = _SEGMENT.search(name)
        if places is None or int(places["last"]) <= after:
            continue  # not ours; or an upload that was cut short and made again over more
        for place, line in enumerate((await store.get(name) or b"").split(b"\n")[:-1], start=int(places["first"])):
            if place == after + 1:
                after = place
                yield line


def _key_of(note: str | None, keys: Iterable[Verifier]) -> Verifier | None:
    """The believed key that signed a note. Raises ``_Doubtful``."""
    if note is None:
        raise _Doubtful("nothing of it is signed")
    for key in keys:
        try:
            key.open(note)
        except NoteError:
            continue
        return key
    raise _Doubtful(
        "it is not signed by any key that is believed here: compare its bastion's `verifier-key` with one that you got "
        "from its people, then name that under [audit] bastions, or give it with --key"
    )


def believed(audit: Audit, given: Sequence[str]) -> tuple[Verifier, ...]:
    """The keys whose trails are believed: configured ones, and those given. Raises ``NoteError``."""
    return tuple(Verifier.parse(text) for text in (*audit.bastions, *given))


async def read_trails(
    where: str, halt_id: str, audit: Audit, base: Path, resolve: Resolve, keys: Sequence[Verifier]
) -> OtherTrails:
    """What other bastions' trails tell of a halt.

    Args:
        where: ``s3``, or a directory.
        halt_id: the halt.
        audit: the configuration's ``[audit]``.
        base: what relative paths in it are relative to.
        resolve: gives secrets.
        keys: whose trails are believed.

    Raises:
        TrailUnavailable: it cannot be read.
    """
    if where != SYNCED:
        return await asyncio.to_thread(read_directory, Path(where), halt_id, keys)
    from killswitch_console.audit.syncing import open_sinks

    try:
        async with open_sinks(audit, base, resolve) as sinks:
            if sinks.store is None:
                raise TrailUnavailable("the configuration has no [audit.s3]: name a directory with a copy of the trail")
            return await read_store(sinks.store, halt_id, keys)
    except Problem as problem:
        raise TrailUnavailable(f"the synchronised trail cannot be read: {problem}") from problem
