"""Getting the trail off the box: the object store as the authority, mirrors beside it, each failing alone.

One process of a bastion does this at a time (a lock); `audit sync` from cron and open consoles take turns.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import random
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from killswitch_backends.problems import Problem
from killswitch_console import private
from killswitch_console.audit import fallen, recordings
from killswitch_console.audit.anchoring import Alarm, Anchored, anchor, anchors_of
from killswitch_console.audit.delivering import deliver, remember
from killswitch_console.audit.events import Draft
from killswitch_console.audit.mirrors import Later, Mirror
from killswitch_console.audit.notes import Checkpoint
from killswitch_console.audit.object_store import ObjectStore, open_store
from killswitch_console.audit.reading import open_volume
from killswitch_console.audit.recordings import finished
from killswitch_console.audit.settings import Audit
from killswitch_console.audit.storage import TrailUnavailable
from killswitch_console.audit.volumes import TrailDirectory

EVERY_SECONDS: Final = 15.0
"""How often an open console looks for something to send."""

LONGEST_SECONDS: Final = 300.0
"""Longest pause after failures."""

Resolve = Callable[[str], Awaitable[str]]


@dataclass(slots=True)
class Synchronised:
    """What one round came to."""

    anchored: list[Anchored] = field(default_factory=list)
    delivered: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    alarms: list[str] = field(default_factory=list)
    recordings: int = 0
    """Recordings of sessions that were sent."""
    recovered: int = 0
    """Events that had been sent past the trail, and lie in the spool now, to be put into it."""

    @property
    def behind(self) -> int:
        """Events that no anchor covers."""
        return sum(a.total - a.now for a in self.anchored)


@dataclass(frozen=True, slots=True)
class Sinks:
    """Everything the trail goes to."""

    store: ObjectStore | None
    mirrors: tuple[Mirror, ...]

    def __bool__(self) -> bool:
        return self.store is not None or bool(self.mirrors)


@asynccontextmanager
async def open_sinks(audit: Audit, base: Path, resolve: Resolve) -> AsyncIterator[Sinks]:
    """Open what ``[audit]`` names; makes no request."""
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_store(audit.s3, base)) if audit.s3 else None
        mirrors: list[Mirror] = []
        if audit.otlp or audit.webhook:
            import aiohttp

            from killswitch_console.audit.mirrors import OtlpMirror, WebhookMirror

            http = await stack.enter_async_context(aiohttp.ClientSession())
            if audit.otlp:
                token = partial(resolve, audit.otlp.token) if audit.otlp.token else None
                mirrors.append(OtlpMirror(audit.otlp.url, token, http))
            if audit.webhook:
                mirrors.append(WebhookMirror(audit.webhook.url, partial(resolve, audit.webhook.secret), http))
        yield Sinks(store, tuple(mirrors))


async def synchronise(directory: TrailDirectory, sinks: Sinks) -> Synchronised:
    """Send everything that is new to everything there is. Never raises for a sink or a volume."""
    done = Synchronised()
    reached = sinks.store is not None
    for path in directory.volumes():
        if sinks.store is not None:
            reached &= await _anchor(path, sinks.store, done)
        for mirror in sinks.mirrors:
            try:
                taken = await deliver(path, mirror)
                done.delivered[mirror.name] = done.delivered.get(mirror.name, 0) + taken
            except (Later, Problem, TrailUnavailable) as error:
                done.problems.append(f"{mirror.name}: {error}")
    if sinks.store is not None and reached:
        await _send_recordings(directory, sinks.store, done)
        await _recover(directory, sinks.store, done)
    return done


async def _send_recordings(directory: TrailDirectory, store: ObjectStore, done: Synchronised) -> None:
    """Send the recordings that were not sent yet; a cursor of its own says so of each."""
    current = directory.current()
    if current is None:
        return
    try:
        for recording in finished(directory):
            name = f"recording:{recording.path.name}"
            if _was_sent(directory, name):
                continue
            try:
                done.recordings += await recordings.send(store, recording)
            except Alarm as alarm:
                done.alarms.append(str(alarm))
            else:
                remember(current, name, 1, None)
    except (Problem, TrailUnavailable, OSError) as error:
        done.problems.append(f"recordings: {error}")


def _was_sent(directory: TrailDirectory, name: str) -> bool:
    for path in directory.volumes():
        with open_volume(path) as volume:
            if volume.cursor(name) is not None:
                return True
    return False


async def _recover(directory: TrailDirectory, store: ObjectStore, done: Synchronised) -> None:
    try:
        done.recovered = await fallen.recover(store, directory)
    except (Problem, TrailUnavailable) as error:
        done.problems.append(f"events sent past the trail: {error}")


async def _anchor(path: Path, store: ObjectStore, done: Synchronised) -> bool:
    """Anchor a volume; False when the store could not be reached."""
    try:
        with open_volume(path) as volume:
            cursor = volume.cursor("s3")
        anchored = await anchor(path, store, cursor[0] - 1 if cursor else 0)
        done.anchored.append(anchored)
        if cursor is None or anchored.now != cursor[0] - 1:
            remember(path, "s3", anchored.now + 1, None)
    except Alarm as alarm:
        done.alarms.append(str(alarm))
    except (Problem, TrailUnavailable) as error:
        done.problems.append(str(error))
        return isinstance(error, TrailUnavailable)
    return True


async def send_directly(
    drafts: Sequence[Draft], directory: TrailDirectory, audit: Audit, base: Path, resolve: Resolve
) -> None:
    """Send events that the trail cannot take to the object store. Raises ``Problem``."""
    async with open_sinks(audit, base, resolve) as sinks:
        if sinks.store is None:
            return
        await fallen.send(sinks.store, directory, drafts)


async def compare_fallen(
    directory: TrailDirectory, audit: Audit, base: Path, resolve: Resolve
) -> tuple[list[str], list[str]]:
    """What was sent past the trail and is other in it, or lacking (``fallen.compare``); nothing without a store."""
    async with open_sinks(audit, base, resolve) as sinks:
        return await fallen.compare(sinks.store, directory) if sinks.store is not None else ([], [])


@contextmanager
def turn(directory: TrailDirectory) -> Iterator[bool]:
    """Whether this process may synchronise now; another one does otherwise."""
    fd = private.open_file(directory.path / "sync.lock", os.O_RDWR | os.O_CREAT)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(fd)


async def keep_synchronised(
    directory: TrailDirectory,
    sinks: Sinks,
    tell: Callable[[Synchronised], None],
    hurry: asyncio.Event,
    closing: threading.Event,
) -> None:
    """Synchronise until closed, and once more then; pauses grow while it fails.

    Args:
        directory: the trail.
        sinks: where to.
        tell: hears of every round.
        hurry: set it when something should not wait (a halt ended).
        closing: set it, then ``hurry``, to end it after one more round.
    """
    pause = EVERY_SECONDS
    while True:
        hurry.clear()
        last = closing.is_set()
        if directory.current() is not None:
            with turn(directory) as ours:
                done = await synchronise(directory, sinks) if ours else Synchronised()
            tell(done)
            bad = bool(done.problems or done.alarms)
            pause = min(2 * pause, LONGEST_SECONDS) if bad else EVERY_SECONDS
        if last:
            return
        try:
            async with asyncio.timeout(pause * random.uniform(0.8, 1.2)):  # noqa: S311  (spreads load)
                await hurry.wait()
        except TimeoutError:
            continue


async def fetch_anchors(audit: Audit, base: Path, resolve: Resolve) -> tuple[Mapping[str, list[Checkpoint]], str]:
    """All anchored checkpoints by log id, and why they cannot be had (empty when they can)."""
    found: dict[str, list[Checkpoint]] = {}
    try:
        async with open_sinks(audit, base, resolve) as sinks:
            assert sinks.store is not None  # noqa: S101  (the caller has an [audit.s3])
            keys = await sinks.store.keys("")
            for log in dict.fromkeys(key.partition("/")[0] for key in keys if "/ckpt/" in key):
                found[log] = await anchors_of(sinks.store, log)
    except (Problem, Alarm) as error:
        return found, str(error)
    return found, ""
