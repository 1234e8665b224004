"""The trail as the engine sees it (``halting.recording.Recorder``): a queue, one writer, and the ladder below.

A halt waits for an event until it is durable or has fallen, at most ``RECORD_SECONDS``; it never learns of a failure.
The writer puts everything that waits into one transaction, reopens a trail that failed, and replays what fell.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from killswitch_console.audit.current_volume import CurrentVolume
from killswitch_console.audit.gaps import gap, late_ones
from killswitch_console.audit.ladder import Ladder, Rung
from killswitch_console.audit.notes import Checkpoint
from killswitch_console.audit.session import Session
from killswitch_console.audit.spool import Spooled, SpoolError
from killswitch_console.audit.storage import Head, TrailUnavailable
from killswitch_console.audit.trail import Trail, TrailClosed, TrailTampered
from killswitch_console.audit.volumes import TrailDirectory
from killswitch_console.audit.waiting import Entry, Waiting, give_up
from killswitch_console.halting.recording import RecordingNeeded, Warn

TRAIL_SECONDS: Final = 0.15
"""A halt's wait for the trail itself, before the ladder."""

REQUIRE_SECONDS: Final = 5.0
KEEP_SECONDS: Final = 60.0
"""A checkpoint is kept at least this often while there is something new."""

RETRY_SECONDS: Final = (0.5, 30.0)
CLOSE_SECONDS: Final = 3.0

_KEPT_AT: Final = frozenset({"halt.ended", "restore.ended", "session.ended"})
_AT_ONCE: Final = _KEPT_AT | {"session.started"}


@dataclass(frozen=True, slots=True)
class TrailStatus:
    """How the trail stands, for a screen."""

    receipt: str
    """``SIZE@ROOT`` of the last signed head; empty before there is one."""
    problem: str
    waiting: int
    """Events that are not in the trail yet."""


class TrailRecorder:
    """Records for one session. Use ``open_recorder``."""

    def __init__(
        self,
        directory: TrailDirectory,
        session: Session,
        ladder: Ladder,
        signing_secret: Callable[[], Awaitable[str | None]],
        warn: Warn,
        rotate_events: int,
    ) -> None:
        self.session = session
        self.directory = directory
        self._ladder = ladder
        self._warn = warn
        self._volume = CurrentVolume(
            directory, session, signing_secret, tell=self._warn_once, rotate_events=rotate_events
        )
        self._waiting = Waiting()
        self._fallen: list[Entry] = []
        """What the trail did not take, oldest first."""
        self._head: Head | None = None
        self._broken = ""
        self._kept_at = asyncio.get_running_loop().time()
        self._kept_size = 0
        self._warned: set[str] = set()
        self._leftover = True
        """A spool of an earlier run may be there."""

    @property
    def status(self) -> TrailStatus:
        """How the trail stands now."""
        head = self._head
        signed = head is not None and head.note is not None
        receipt = Checkpoint("", head.edge.size, head.edge.root()).receipt if head and signed else ""
        return TrailStatus(receipt, self._broken, len(self._waiting) + len(self._fallen))

    def note(self, kind: str, data: Mapping[str, Any], *, halt_id: str | None = None) -> None:
        """See ``Recorder``."""
        self.put(kind, data, halt_id=halt_id)

    def put(
        self,
        kind: str,
        data: Mapping[str, Any],
        *,
        halt_id: str | None = None,
        urgent: bool = False,
        required: bool = False,
    ) -> Entry:
        """Queue an event. ``data`` is read when it is written, and must not change."""
        moment = self.session.moment(kind)
        make = partial(self.session.draft, kind, data, halt_id=halt_id, moment=moment)
        entry = Entry(moment, make, asyncio.get_running_loop().create_future(), required=required)
        self._waiting.put(entry, urgent=urgent, at_once=kind in _AT_ONCE)
        return entry

    def look_in_spool(self) -> None:
        """Somebody put events into the spool: they go into the trail with what is written next."""
        self._leftover = True
        self._waiting.some.set()

    async def record(self, kind: str, data: Mapping[str, Any], *, halt_id: str | None = None) -> None:
        """See ``Recorder``."""
        entry = self.put(kind, data, halt_id=halt_id, urgent=True)
        if not self._broken:
            await asyncio.wait({entry.done}, timeout=TRAIL_SECONDS)
        if not entry.done.done() and entry.rung is None:
            why = self._broken or f"no answer within {TRAIL_SECONDS * 1000:.0f} ms"
            await self._fall([entry], why)

    async def require(self, kind: str, data: Mapping[str, Any], *, halt_id: str | None = None) -> None:
        """See ``Recorder``."""
        entry = self.put(kind, data, halt_id=halt_id, urgent=True, required=True)
        await asyncio.wait({entry.done}, timeout=REQUIRE_SECONDS)
        if entry.done.done() and not entry.done.cancelled():
            return
        entry.done.cancel()
        why = self._broken or f"no answer within {REQUIRE_SECONDS:g} s"
        self.note("action.refused", {"action": kind, "why": f"it could not be recorded: {why}"}, halt_id=halt_id)
        raise RecordingNeeded(f"the audit trail cannot be written ({why}); nothing was changed")

    async def write(self) -> None:
        """Write what is queued, until cancelled. Survives everything but its own cancellation."""
        pause, longest = RETRY_SECONDS
        rotated = False
        while True:
            tried = self._waiting.required
            try:
                await self._write_next()
                pause, rotated = RETRY_SECONDS[0], False
            except TrailClosed as error:  # most often a rotation: the new volume is there already
                await self._volume.let_go()
                if rotated:
                    give_up(tried)
                    await self._failed(error)
                    await self._wait(pause)
                rotated = True
            except Exception as error:  # noqa: BLE001  (whatever befalls the trail, the writer goes on)
                give_up(tried)
                await self._failed(error)
                await self._wait(pause)
                pause = min(2 * pause, longest)

    async def _write_next(self) -> None:
        trail = self._volume.trail or await self._open()
        if self._fallen or self._leftover:
            await self._replay(trail)
        while not (self._waiting or self._leftover):
            if await self._minute_passed():
                await self._append(trail, [], keep=True)
        if self._leftover:
            return  # what is in the spool goes first
        await self._waiting.linger()
        entries = self._waiting.take()
        try:
            await self._append(trail, entries, keep=any(e.draft.kind in _KEPT_AT for e in entries))
        except TrailClosed:
            self._waiting.put_back(entries)
            raise
        except BaseException:
            give_up(entries)
            self._fallen += [entry for entry in entries if not entry.required]
            raise

    async def _minute_passed(self) -> bool:
        """Wait for something to write; whether instead a checkpoint is due."""
        self._waiting.some.clear()
        if self._waiting:
            return False
        loop = asyncio.get_running_loop()
        dirty = self._head is not None and self._kept_size != self._head.size
        try:
            async with asyncio.timeout_at(self._kept_at + KEEP_SECONDS if dirty else None):
                await self._waiting.some.wait()
        except TimeoutError:
            return loop.time() >= self._kept_at + KEEP_SECONDS
        return False

    async def _append(self, trail: Trail, entries: list[Entry], *, keep: bool) -> None:
        now = asyncio.get_running_loop().time()
        keep = keep or now >= self._kept_at + KEEP_SECONDS
        self._head = await trail.append([entry.draft for entry in entries], keep=keep)
        if keep:
            self._kept_at, self._kept_size = now, self._head.size
        for entry in entries:
            if not entry.done.done():
                entry.done.set_result(None)
        if any(entry.rung for entry in entries):
            self._leftover = True  # it was slow, not broken: the spool has copies to be cleared
        if trail.unsigned:
            self._warn_once(f"the audit trail is written but not signed: {trail.unsigned}")

    async def _open(self) -> Trail:
        trail = await self._volume.open()
        try:
            await asyncio.to_thread(self._ladder.spool.prepare)
        except SpoolError as error:
            self._warn_once(f"the audit trail has no spool to fall back on: {error}")
        return trail

    async def _failed(self, error: Exception) -> None:
        """Let go of a trail that failed; everything that waits for it falls."""
        await self._volume.let_go()
        self._broken = str(error) if isinstance(error, TrailUnavailable) else f"internal error: {error!r}"
        if isinstance(error, TrailTampered):
            self.note("audit.alarm", {"what": str(error)})
        self._fallen += self._waiting.take_what_may_fall()
        await self._fall([entry for entry in self._fallen if entry.rung is None], self._broken)

    async def _fall(self, entries: list[Entry], why: str) -> None:
        if not entries:
            return
        for entry in entries:
            entry.rung = Rung.MEMORY
        rung = await self._ladder.take([entry.draft for entry in entries])
        for entry in entries:
            entry.rung = rung
        kept = {Rung.SPOOL: "in the spool", Rung.JOURNAL: "in the machine's log"}.get(rung, "in memory ONLY")
        self._warn_once(f"AUDIT TRAIL NOT WRITTEN: {why}. Halts go on; events are kept {kept} and put in later")

    async def _wait(self, seconds: float) -> None:
        """Pause before the next try; what comes meanwhile falls at once, what is required ends the pause."""
        deadline = asyncio.get_running_loop().time() + seconds
        while (left := deadline - asyncio.get_running_loop().time()) > 0:
            self._waiting.some.clear()
            if self._waiting.required:
                return  # somebody waits: try at once
            self._fallen += self._waiting.take_what_may_fall()
            await self._fall([entry for entry in self._fallen if entry.rung is None], self._broken)
            try:
                async with asyncio.timeout(left):
                    await self._waiting.some.wait()
            except TimeoutError:
                return

    async def _replay(self, trail: Trail) -> None:
        """Put in what fell, of this process and of those before it, after an event that says so."""
        spooled = await self._spooled()
        late = await late_ones(trail, self._fallen, spooled)
        if late or (spooled and spooled.damaged):
            marked = gap(self.session, late, self._fallen, spooled, why=self._broken)
            self._head = await trail.append([marked, *late], keep=True)
            self._warn(f"the audit trail is written again; {len(late)} events were put in late")
        for entry in self._fallen:
            if not entry.done.done():
                entry.done.set_result(None)
        self._fallen.clear()
        if spooled and spooled.end:
            await asyncio.to_thread(self._ladder.spool.empty, spooled)
        self._broken, self._leftover = "", False
        self._warned.clear()

    async def _spooled(self) -> Spooled | None:
        try:
            return await asyncio.to_thread(self._ladder.spool.read)
        except SpoolError as error:
            self._warn_once(f"the spool of the audit trail cannot be read: {error}")
            return None

    def _warn_once(self, text: str) -> None:
        if text not in self._warned:
            self._warned.add(text)
            self._warn(text)

    async def close(self) -> None:
        """Let go of the volume."""
        await self._volume.let_go()

    async def finish(self) -> None:
        """Record the end of the session and let the writer get it all out, for ``CLOSE_SECONDS`` at most."""
        if recorded := await asyncio.to_thread(self.session.screen.end):
            self.note("session.recorded", recorded)
        ended = self.put("session.ended", {"unwritten": len(self._fallen)})
        await asyncio.wait({ended.done}, timeout=0.0 if self._broken else CLOSE_SECONDS)
        await self._fall([e for e in [*self._fallen, *self._waiting] if e.rung is None], self._broken)
        await self._ladder.settle()
        held = sum(e.rung is Rung.MEMORY for e in [*self._fallen, *self._waiting])
        if held:
            self._warn(f"{held} audit events could not be stored anywhere and are lost with this process")
