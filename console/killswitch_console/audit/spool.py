"""The second rung of the ladder: a file that was written full of zeros beforehand, so that a full disk still takes it.

Every record goes to the disk itself (O_DSYNC) behind a lock between processes, and is emptied only once the trail has
all of it. A torn record (a crash in mid-write) is told by its hash and left out; it was never acknowledged.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from killswitch_console import private
from killswitch_console.audit.canonical import canonical
from killswitch_console.audit.events import Draft

PREPARED_BYTES: Final = 1024 * 1024
LOCK_SECONDS: Final = 1.0
_BLANK: Final = b"\x00" * 65536


class SpoolError(Exception):
    """The spool cannot be used; says why."""


@dataclass(frozen=True, slots=True)
class Spooled:
    """What a spool held."""

    drafts: tuple[Draft, ...]
    damaged: int
    """Records that do not read."""
    digest: str
    """SHA-256 of the bytes, for the ``audit.gap`` event."""
    end: int


@dataclass(frozen=True, slots=True)
class Spool:
    """A spool file. All methods block; call them in a thread."""

    path: Path

    def prepare(self) -> None:
        """Write the file full of zeros once, while there is room. Raises ``SpoolError``."""
        with self._open() as fd:
            size = os.fstat(fd).st_size
            while size < PREPARED_BYTES:
                size += os.pwrite(fd, _BLANK[: PREPARED_BYTES - size], size)

    def add(self, drafts: Sequence[Draft]) -> None:
        """Have these on disk when it returns. Raises ``SpoolError``."""
        data = b"".join(_record(draft) for draft in drafts)
        with self._open() as fd:
            content = _content(fd)
            end, written = len(content), 0
            if content and not content.endswith(b"\n"):
                data = b"\n" + data  # a torn record must not spoil this one
            while written < len(data):
                written += os.pwrite(fd, data[written:], end + written)

    def read(self) -> Spooled:
        """What is in it. Raises ``SpoolError``."""
        with self._open() as fd:
            return _read(fd)

    def empty(self, seen: Spooled) -> bool:
        """Blank what was read, if nothing was added since; whether it did. Raises ``SpoolError``."""
        with self._open() as fd:
            now = _read(fd)
            if now.digest != seen.digest:
                return False
            for start in range(0, now.end, len(_BLANK)):
                os.pwrite(fd, _BLANK[: now.end - start], start)
            if os.fstat(fd).st_size > PREPARED_BYTES:
                os.ftruncate(fd, PREPARED_BYTES)
            return True

    @contextmanager
    def _open(self) -> Iterator[int]:
        try:
            private.check_folder(self.path.parent)
            fd = private.open_file(self.path, os.O_RDWR | os.O_CREAT | os.O_DSYNC)
            try:
                _lock(fd)
                yield fd
            finally:
                os.close(fd)
        except private.NotPrivate as error:
            raise SpoolError(str(error)) from None
        except OSError as error:
            raise SpoolError(f"{self.path}: {error.strerror or error}") from error


def _lock(fd: int) -> None:
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise OSError(errno.EBUSY, "another process holds it") from None
            time.sleep(0.002)
        else:
            return


def _record(draft: Draft) -> bytes:
    body = canonical(draft.fields())
    return sha256(body).hexdigest().encode() + b" " + body + b"\n"


def _content(fd: int) -> bytes:
    """All bytes before the blank rest. Canonical JSON has no zero bytes."""
    parts: list[bytes] = []
    offset = 0
    while chunk := os.pread(fd, len(_BLANK), offset):
        text, zero, _ = chunk.partition(b"\x00")
        parts.append(text)
        offset += len(chunk)
        if zero:
            break
    return b"".join(parts)


def _read(fd: int) -> Spooled:
    content = _content(fd)
    drafts, damaged = _drafts(content.splitlines())
    return Spooled(tuple(drafts), damaged, sha256(content).hexdigest(), len(content))


def _drafts(lines: Iterable[bytes]) -> tuple[list[Draft], int]:
    drafts: list[Draft] = []
    damaged = 0
    for line in lines:
        digest, _, body = line.partition(b" ")
        try:
            if sha256(body).hexdigest().encode() != digest:
                raise ValueError("torn")
            drafts.append(Draft.read(body))
        except (ValueError, TypeError):
            damaged += 1
    return drafts, damaged
