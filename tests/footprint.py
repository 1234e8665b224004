"""What a process holds on to: descriptors, sockets, threads, tasks, objects, memory. Linux's /proc; no sampling thread.

before = footprint()
...
assert_flat(before, footprint(), objects=2_000, megabytes=8)
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import sys
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_MALLINFO: Final = (
    "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Footprint:
    """One moment of this process."""

    descriptors: int
    sockets: int
    threads: int
    tasks: int
    objects: int
    """Containers that the garbage collector knows, after it ran."""
    blocks: int
    """Pieces of memory in use by Python's own allocator: what is no container too, such as texts and numbers."""
    allocated: float
    """Megabytes in use by the C library's (SQLite, OpenSSL, everything large); 0 where that is not glibc."""
    resident: float
    """Megabytes, after what is free was given back. Allocators keep holes in it: it says more than what is in use."""
    kinds: Counter[str] = field(repr=False, compare=False)
    """The objects, by type: says what grew."""
    named: Counter[str] = field(repr=False, compare=False)
    """The tasks, by name."""

    def __str__(self) -> str:
        return (
            f"{self.descriptors} descriptors ({self.sockets} sockets), {self.threads} threads, {self.tasks} tasks, "
            f"{self.objects:,} objects, {self.blocks:,} blocks, {self.allocated:.1f} MB allocated, "
            f"{self.resident:.0f} MB resident"
        )


def footprint() -> Footprint:
    """What this process holds now; inside a running loop, its tasks too."""
    gc.collect()
    with suppress(OSError, AttributeError):  # not glibc: then the resident size says a little more
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    links = _links()
    tasks = _tasks()
    kinds = Counter(type(one).__name__ for one in gc.get_objects())
    return Footprint(
        descriptors=len(links),
        sockets=sum(link.startswith("socket:") for link in links),
        threads=threading.active_count(),
        tasks=len(tasks),
        objects=kinds.total(),
        blocks=sys.getallocatedblocks(),
        allocated=_allocated(),
        resident=int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE / 1e6,
        kinds=kinds,
        named=Counter(task.get_name() for task in tasks),
    )


def assert_flat(
    before: Footprint, after: Footprint, *, objects: int, megabytes: float, threads: int = 0, descriptors: int = 0
) -> None:
    """Nothing is held that was not held before, but for these margins, and a quarter more for holes. Says what grew.

    Threads have a margin of their own: the pool of a loop grows to ``halting.threads.THREADS`` and no further.
    """
    told = f"\nbefore {before}\nafter  {after}\n"
    assert after.descriptors <= before.descriptors + descriptors, told
    assert after.sockets <= before.sockets, told
    assert after.threads <= before.threads + threads, told
    assert after.tasks <= before.tasks, f"{told}{after.named - before.named}"
    assert after.objects <= before.objects + objects, f"{told}{(after.kinds - before.kinds).most_common(12)}"
    assert after.blocks <= before.blocks + 4 * objects, told
    assert after.allocated <= before.allocated + megabytes, told
    assert after.resident <= before.resident * 1.25 + megabytes, told


class _Malloc(ctypes.Structure):
    """``struct mallinfo2`` (mallinfo(3))."""

    _fields_ = [(name, ctypes.c_size_t) for name in _MALLINFO]


def _allocated() -> float:
    try:
        asked = ctypes.CDLL("libc.so.6").mallinfo2
    except (OSError, AttributeError):
        return 0.0
    asked.restype = _Malloc
    found = asked()
    return float(found.uordblks + found.hblkhd) / 1e6


def _links() -> list[str]:
    found = []
    for entry in os.listdir("/proc/self/fd"):  # noqa: PTH208  (its own descriptor is among them, and gone when read)
        with suppress(FileNotFoundError):
            found.append(os.readlink(f"/proc/self/fd/{entry}"))  # noqa: PTH115
    return found


def _tasks() -> set[asyncio.Task[object]]:
    try:
        return asyncio.all_tasks()
    except RuntimeError:  # no loop runs
        return set()
