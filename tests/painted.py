"""A command on a pseudo-terminal of a given size that is always read: what it paints, when, and what that costs it.

For benchmarks and for tests of what a terminal gets to see. ``terminals.py`` is about terminals that stall or vanish.
"""

from __future__ import annotations

import asyncio
import fcntl
import itertools
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from looking import Looking

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[PX^_][^\x1b]*\x1b\\|[@-Z\\-_])")
_TICKS = os.sysconf("SC_CLK_TCK")

FRAME_GAP = 0.02
"""Bytes that arrive within so many seconds of each other belong to one frame."""


def plain(painted: bytes) -> str:
    """What was painted without escape sequences: texts one after another in the order in which they were sent."""
    return _ESCAPES.sub("", painted.decode("utf-8", "replace"))


@dataclass
class Painted:
    """A command and all that it has painted."""

    process: subprocess.Popen[bytes]
    master: int
    arrived: list[tuple[float, bytes]] = field(default_factory=list)
    """When (``time.perf_counter``) which bytes came."""
    size: tuple[int, int] = (120, 40)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _looks: list[tuple[float, str]] = field(default_factory=list)
    _sizes: list[tuple[float, tuple[int, int]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._terminal = Looking(self.size)

    def press(self, keys: bytes) -> float:
        """Type; returns when."""
        at = time.perf_counter()
        os.write(self.master, keys)
        return at

    def resize(self, size: tuple[int, int]) -> None:
        """Make the terminal so many columns and rows large; the kernel tells the command."""
        self._sizes.append((time.perf_counter(), size))
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))

    def painted(self, since: float = 0.0) -> bytes:
        """All bytes that came since then."""
        return b"".join(data for at, data in self.arrived if at >= since)

    def text(self, since: float = 0.0) -> str:
        """All text that came since then."""
        return plain(self.painted(since))

    def frames(self, since: float, until: float) -> int:
        """How many bursts of bytes came between two moments."""
        times = [at for at, _ in self.arrived if since <= at < until]
        return sum(after - before > FRAME_GAP for before, after in itertools.pairwise(times)) + bool(times)

    async def shows(self, *patterns: str, since: float = 0.0, within: float = 60.0) -> float:
        """Wait until texts that match all patterns were to be seen since then; returns when the last of them was."""
        wanted = [re.compile(pattern) for pattern in patterns]
        deadline = time.perf_counter() + within
        looked = 0
        while True:
            self._news.clear()
            self._look()
            for at, text in self._looks[looked:]:
                if at >= since:
                    wanted = [one for one in wanted if not one.search(text)]
                if not wanted:
                    return at
            looked = len(self._looks)
            left = deadline - time.perf_counter()
            missing = ", ".join(one.pattern for one in wanted)
            last = self._looks[-1][1] if self._looks else ""
            assert left > 0, f"not painted within {within:g} s: {missing}\n{last}"
            assert self.process.poll() is None or self._unlooked(), (
                f"ended with {self.process.returncode} before {missing}\n{last}"
            )
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), min(left, 1.0))

    def _unlooked(self) -> bool:
        return len(self._looks) < len(self.arrived)

    def _look(self) -> None:
        """What there was to be seen after each arrival."""
        for at, data in self.arrived[len(self._looks) :]:
            while self._sizes and self._sizes[0][0] <= at:
                self._terminal.resize(self._sizes.pop(0)[1])
            self._looks.append((at, self._terminal.feed(data)))

    async def quiet(self, seconds: float = 0.5, *, within: float = 60.0) -> None:
        """Wait until nothing has been painted for so long."""
        deadline = time.perf_counter() + within
        while True:
            last = self.arrived[-1][0] if self.arrived else 0.0
            left = last + seconds - time.perf_counter()
            if left <= 0:
                return
            assert time.perf_counter() < deadline, f"never quiet for {seconds:g} s within {within:g} s"
            await asyncio.sleep(left)

    def cpu_seconds(self) -> float:
        """Seconds of processor time that the command has used, its threads included."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def resident(self) -> float:
        """MB of memory that the command holds now."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    async def end(self, within: float = 30.0) -> int:
        """Wait until the command has ended; its exit status."""
        return await asyncio.to_thread(self.process.wait, within)

    def _take(self) -> None:
        try:
            data = os.read(self.master, 1 << 20)
        except BlockingIOError:
            return
        except OSError:  # the command has closed its side
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self.master)
            return
        self.arrived.append((time.perf_counter(), data))
        self._news.set()


def _start(command: list[str], slave: int, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    def adopt() -> None:
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    return subprocess.Popen(
        command,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=environment,
        preexec_fn=adopt,  # noqa: PLW1509  (two system calls)
    )


@asynccontextmanager
async def painted(
    command: Sequence[str], *, size: tuple[int, int] = (120, 40), env: Mapping[str, str] | None = None
) -> AsyncIterator[Painted]:
    """Run a command as the leader of a session on a pseudo-terminal; it is killed at the end if it still runs.

    The environment is small and the same everywhere: PATH, HOME and PYTHONPATH are kept, ``env`` is added; by default
    the terminal is ``xterm-256color`` in UTF-8.
    """
    master, slave = pty.openpty()
    os.set_blocking(master, False)
    kept = {key: os.environ[key] for key in ("PATH", "HOME", "PYTHONPATH") if key in os.environ}
    said = {"TERM": "xterm-256color", "LANG": "C.UTF-8", **kept, **(env or {})}
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
    process = _start(list(command), slave, said)
    os.close(slave)
    screen = Painted(process, master, size=size)
    loop = asyncio.get_running_loop()
    loop.add_reader(master, screen._take)
    try:
        yield screen
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
        await asyncio.to_thread(process.wait)
        loop.remove_reader(master)
        os.close(master)
