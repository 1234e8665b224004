"""Secrets in one place: anonymous memory of this process, and the process made hard to look into."""

from __future__ import annotations

import ctypes
import os
import resource
from collections.abc import Iterable
from pathlib import Path

from killswitch_console.standing import search_everything

_PR_SET_DUMPABLE = 4
_PLACES = 50_000
_M_PERTURB, _PATTERN = -6, 0xA5
"""glibc: overwrite whatever is freed with a pattern."""


class PrivateMemory:
    """Texts that libraries insist on reading from a file, kept in memory files that no other process can name.

    The descriptors are not inherited by children. On ``wipe`` the content is gone from the memory files; copies that a
    library made of it live until that library's objects are dropped.
    """

    def __init__(self) -> None:
        self._descriptors: list[int] = []
        self.lengths: set[int] = set()
        """Of all texts that were lent, in characters: what must be overwritten is as long."""

    def lend(self, name: str, text: str) -> Path:
        """A path by which this process can open the text."""
        self.lengths.add(len(text))
        descriptor = os.memfd_create(f"killswitch {name}", os.MFD_CLOEXEC)
        self._descriptors.append(descriptor)
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(text.encode())
        return Path(f"/proc/self/fd/{descriptor}")

    def wipe(self) -> None:
        """Overwrite and close everything lent."""
        for descriptor in self._descriptors:
            size = os.fstat(descriptor).st_size
            os.pwrite(descriptor, bytes(size), 0)
            os.ftruncate(descriptor, 0)
            os.close(descriptor)
        self._descriptors.clear()


def overwrite_freed(lengths: Iterable[int]) -> None:
    """Take the place of texts of these lengths that Python has freed: it neither clears nor returns small objects.

    A best effort: what was freed among fewer than ``_PLACES`` free places of its size is gone. Takes about a tenth of
    a second, for what hangs in cycles has to be freed first.
    """
    search_everything()
    for length in set(lengths):
        blank = bytes(length)
        places = [bytearray(blank).decode() for _ in range(_PLACES)], [bytes(bytearray(blank)) for _ in range(_PLACES)]
        del places


def harden() -> None:
    """Leave no core dump, and let no other process of this account attach or read our memory (root still can).

    Blocks that are freed from here on are overwritten, where the C library can do that (small objects of Python's own
    are not).

    Raises:
        OSError: when the kernel refuses.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_M_PERTURB, _PATTERN)
    if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "PR_SET_DUMPABLE")
