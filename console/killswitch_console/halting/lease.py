"""Leases: of all consoles on this bastion, one at a time runs, holds or restores a halt.

A lease is a lock of the kernel's on a file in the state directory: it ends with its process, however that ends, so the
next one may take over at once. Whoever wants a lease that is held says so by a second lock; a hold gives way to it.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Final

from killswitch_backends.outside import parsed
from killswitch_console import private

POLL_SECONDS: Final = 0.1
"""How often one who waits for a lease tries again, and how often a hold looks whether somebody waits."""


DISK_SECONDS: Final = 1.0
"""Longest that a halt waits for a disk that does not answer; then it goes on without a lease (safety rule 2)."""


class Work(StrEnum):
    """What a lease is held for."""

    HALT = "halt"
    HOLD = "hold"
    RESTORE = "restore"


class HaltBusy(Exception):
    """Another process is at work on this halt."""


@dataclass(frozen=True, slots=True)
class Holding:
    """Who has a lease, as they wrote it down."""

    pid: int
    work: Work


class Lease:
    """The right to change the targets of one halt. ``release`` it; the kernel does when the process dies."""

    def __init__(self, path: Path, descriptor: int | None) -> None:
        self._path = path
        self._descriptor = descriptor
        """None: the state directory cannot be used, and a halt goes on without a lease (safety rule 2)."""

    def wanted_for(self) -> Work | None:
        """What somebody waits for this lease for; None if nobody does."""
        if self._descriptor is None:
            return None
        try:
            waiting = os.open(_next(self._path), os.O_RDWR)
        except OSError:
            return None
        try:
            fcntl.flock(waiting, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            found = _read(waiting)
            return found.work if found else Work.HALT
        else:
            return None
        finally:
            os.close(waiting)

    def release(self) -> None:
        """Give it back."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


class Leases:
    """The leases of one state directory."""

    def __init__(self, state_dir: Path) -> None:
        self._folder = state_dir / "leases"

    def take(self, halt_id: str, work: Work) -> Lease | None:
        """The lease, if it is free. A state directory that cannot be used gives one that guards nothing."""
        path = self._folder / halt_id
        try:
            private.folder(self._folder.parent)
            private.folder(self._folder)
            descriptor = _lock(path, work)
        except OSError:
            return Lease(path, None)
        return None if descriptor is None else Lease(path, descriptor)

    async def await_(self, halt_id: str, work: Work, *, seconds: float) -> Lease:
        """The lease, as soon as whoever has it gives way; one that guards nothing if the disk hangs.

        Raises:
            HaltBusy: naming who keeps it, after ``seconds``.
        """
        taking = _Taking(partial(self.take, halt_id, work))
        try:
            async with asyncio.timeout(DISK_SECONDS):
                lease = await asyncio.to_thread(taking)
        except TimeoutError:
            taking.abandon()
            return Lease(self._folder / halt_id, None)
        except asyncio.CancelledError:
            taking.abandon()
            raise
        if lease is not None:
            return lease
        queue: int | None = None
        try:
            async with asyncio.timeout(seconds):
                while True:
                    if queue is None:
                        queue = _lock(_next(self._folder / halt_id), work)
                    if queue is not None and (lease := self.take(halt_id, work)) is not None:
                        return lease
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError:
            raise HaltBusy(self._who(halt_id)) from None
        finally:
            if queue is not None:
                os.close(queue)

    def _who(self, halt_id: str) -> str:
        found = self.holder(halt_id)
        what = f"process {found.pid} is at work on it ({found.work})" if found else "another process is at work on it"
        return f"{halt_id}: {what}; `status {halt_id}` shows how far it is"

    def holder(self, halt_id: str) -> Holding | None:
        """Who is at work on a halt now; None if nobody is."""
        try:
            descriptor = os.open(self._folder / halt_id, os.O_RDWR)
        except OSError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return _read(descriptor) or Holding(0, Work.HALT)
        else:
            return None
        finally:
            os.close(descriptor)


class _Taking:
    """The taking of a lease in a thread, by somebody who may not wait for the end of it."""

    def __init__(self, take: Callable[[], Lease | None]) -> None:
        self._take = take
        self._lock = threading.Lock()
        self._taken: Lease | None = None
        self._abandoned = False

    def __call__(self) -> Lease | None:
        lease = self._take()
        with self._lock:
            if self._abandoned and lease is not None:
                lease.release()
            self._taken = lease
        return lease

    def abandon(self) -> None:
        """Nobody wants it any more, whether it was taken or will be."""
        with self._lock:
            self._abandoned = True
            if self._taken is not None:
                self._taken.release()


def _next(path: Path) -> Path:
    return path.with_name(f"{path.name}.next")


def _lock(path: Path, work: Work) -> int | None:
    """Lock a file and write down who has it; None if another has. Raises ``OSError`` if that cannot be done at all."""
    descriptor = private.open_file(path, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError:
        os.close(descriptor)
        raise
    with suppress(OSError):  # a full disk keeps the lock all the same
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps({"pid": os.getpid(), "work": work}).encode(), 0)
    return descriptor


def _read(descriptor: int) -> Holding | None:
    try:
        found = parsed(os.pread(descriptor, 200, 0))
        return Holding(int(found["pid"]), Work(found["work"]))
    except (OSError, ValueError, OverflowError, KeyError, TypeError):
        return None
