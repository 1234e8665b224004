"""The driver never waits for a terminal, notices that one is gone, and leans on private names that must exist."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from textual import _xterm_parser
from textual.app import App
from textual.drivers import linux_driver
from textual.screen import Screen

from killswitch_console.tui.driver import GONE, MOST_WAITING, Outlet, TerminalDriver
from simulated import eventually

APP = Path(__file__).with_name("streaming_app.py")


def test_the_private_names_it_uses_exist() -> None:
    parser = _xterm_parser.XTermParser(False)
    assert list(parser.feed("j")) != []
    assert list(parser.tick()) == []
    driver = linux_driver.LinuxDriver
    for name in ("run_input_thread", "_run_input_thread", "start_application_mode", "stop_application_mode", "close"):
        assert callable(getattr(driver, name)), name
    for name in ("fileno", "exit_event", "_writer_thread"):
        assert name in driver.__init__.__code__.co_names, name
    assert issubclass(TerminalDriver, driver)
    assert callable(Screen.refresh)
    for name in ("_shutdown", "_handle_exception"):
        assert callable(getattr(App, name)), name
    assert "_exit_renderables" in App.__init__.__code__.co_names


def test_a_reader_that_stalls_never_blocks_a_writer_and_is_painted_anew() -> None:
    reading, writing = os.pipe()
    drained = threading.Event()
    outlet = Outlet(writing, on_drained=drained.set, on_gone=lambda: None)
    outlet.start()
    for _ in range(3 * MOST_WAITING // 1000):
        outlet.write("x" * 1000)  # nobody reads: this would block for ever on a stock writer
    assert not drained.is_set()
    read = 0
    os.set_blocking(reading, False)  # the last of it may be read before the writer says that it is drained
    deadline = time.monotonic() + 10
    while not drained.is_set():
        assert time.monotonic() < deadline
        with suppress(BlockingIOError):
            read += len(os.read(reading, 65536))
    os.set_blocking(reading, True)
    assert read <= 2 * MOST_WAITING, "what nobody read in time was dropped"
    outlet.write("again")
    outlet.leave("bye")
    outlet.join(5)
    assert os.read(reading, 65536).endswith(b"againbye")
    os.close(reading)
    os.close(writing)


def test_leaving_puts_the_terminal_back_in_order_ahead_of_frames_nobody_read() -> None:
    reading, writing = os.pipe()
    outlet = Outlet(writing, on_drained=lambda: None, on_gone=lambda: None)
    outlet.start()
    for _ in range(3 * MOST_WAITING // 1000):
        outlet.write("x" * 1000)
    outlet.leave("bye")
    text = b""
    while not text.endswith(b"bye"):
        text += os.read(reading, 65536)
    outlet.join(5)
    assert not outlet.is_alive()
    os.close(reading)
    os.close(writing)


def test_a_terminal_that_is_gone_ends_the_writer_and_says_so() -> None:
    reading, writing = os.pipe()
    gone = threading.Event()
    outlet = Outlet(writing, on_drained=lambda: None, on_gone=gone.set)
    outlet.start()
    os.close(reading)
    outlet.write("x")
    outlet.join(5)
    assert gone.is_set()
    assert outlet.gone
    os.close(writing)


class Terminal:
    """An app of its own process in a pseudo-terminal that this test reads, or does not."""

    def __init__(self) -> None:
        self.control, inner = pty.openpty()
        os.set_blocking(self.control, False)
        self.process = subprocess.Popen(
            [sys.executable, str(APP)],
            stdin=inner,
            stdout=subprocess.PIPE,
            stderr=inner,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm-256color", "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        os.close(inner)
        self.seen = b""

    def read(self) -> bytes:
        with suppress(OSError):  # nothing more yet, or the other end has closed
            while data := os.read(self.control, 1 << 20):  # a pseudo-terminal hands out 4 KiB at most
                self.seen += data
        return self.seen

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().decode().strip()

    async def ended(self, within: float = 30) -> int:
        await eventually(lambda: self.process.poll() is not None, within=within)
        return int(self.process.returncode)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    terminal = Terminal()
    yield terminal
    terminal.close()


async def test_the_loop_beats_on_while_nobody_reads_the_terminal(terminal: Terminal) -> None:
    await eventually(lambda: b"frame" in terminal.read(), within=20)
    async with asyncio.timeout(30):
        for _ in range(12):  # nothing is read from the terminal meanwhile; a loop that waits for it would beat no more
            assert (await asyncio.to_thread(terminal.line)).startswith("beat")
    before = len(terminal.read())
    await eventually(lambda: b"frame" in terminal.read()[before + MOST_WAITING // 4 :], within=30)
    os.write(terminal.control, b"q")
    await eventually(lambda: bool(terminal.read()) and terminal.process.poll() is not None, within=30)
    assert terminal.process.returncode == 0
    assert b"\x1b[?1049l" in terminal.read()


async def test_a_terminal_that_closes_ends_the_app_instead_of_spinning(terminal: Terminal) -> None:
    await eventually(lambda: b"frame" in terminal.read(), within=20)
    os.close(terminal.control)  # the app ignores SIGHUP: only the end of its input tells
    assert await terminal.ended() == GONE


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
async def test_a_signal_ends_the_screen_and_puts_the_terminal_back(terminal: Terminal, number: int) -> None:
    await eventually(lambda: b"frame" in terminal.read(), within=20)
    started = time.monotonic()
    terminal.process.send_signal(number)
    await eventually(lambda: bool(terminal.read()) and terminal.process.poll() is not None, within=30)
    assert terminal.process.returncode == 128 + number
    assert b"\x1b[?1049l" in terminal.read()
    assert time.monotonic() - started < 10
