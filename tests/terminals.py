"""Commands on terminals that a test can hang up, stall or cut: pseudo-terminals, and a real sshd on loopback."""

from __future__ import annotations

import asyncio
import fcntl
import getpass
import os
import pty
import shutil
import signal
import socket
import subprocess
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from console_command import CONSOLE
from simulated import eventually

UNDER_WAY = "is under way"
"""What a command says once it is confirmed and at work."""


@dataclass
class Terminal:
    """A command with a controlling terminal of its own."""

    process: subprocess.Popen[bytes]
    master: int
    said: bytes = b""
    reading: bool = True
    _task: asyncio.Task[None] | None = field(default=None, repr=False)

    async def under_way(self) -> None:
        await eventually(lambda: UNDER_WAY.encode() in self.said, within=60)

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def hang_up(self) -> None:
        """Close the terminal: the kernel sends SIGHUP, and every later write fails."""
        self.reading = False
        if self.master >= 0:
            os.close(self.master)
            self.master = -1

    def stop_output(self) -> None:
        """Type Ctrl-S: from here on every write to the terminal blocks."""
        os.write(self.master, b"\x13")

    def resume_output(self) -> None:
        """Type Ctrl-Q."""
        os.write(self.master, b"\x11")

    async def end(self, within: float = 90) -> int:
        return await asyncio.to_thread(self.process.wait, within)

    async def read(self) -> None:
        """Read what it says, until it ends."""
        while self.reading:
            try:
                self.said += os.read(self.master, 65536)
            except BlockingIOError:
                await asyncio.sleep(0.02)
            except OSError:  # the other side is closed
                return


def _start(command: list[str], slave: int) -> subprocess.Popen[bytes]:
    def adopt() -> None:
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG", "PYTHONPATH") if key in os.environ}
    return subprocess.Popen(
        command,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        preexec_fn=adopt,  # noqa: PLW1509  (two system calls)
        env=kept,
    )


@asynccontextmanager
async def terminal(command: list[str]) -> AsyncIterator[Terminal]:
    """Run a command as the leader of a session on a pseudo-terminal."""
    master, slave = pty.openpty()
    os.set_blocking(master, False)

    process = _start(command, slave)
    os.close(slave)
    opened = Terminal(process, master)
    reading = asyncio.create_task(opened.read())
    try:
        yield opened
    finally:
        opened.reading = False
        with suppress(ProcessLookupError):
            process.kill()
        await asyncio.to_thread(process.wait)
        await reading
        opened.hang_up()


def halt_command(config: Path, scope: str, confirm: str) -> list[str]:
    return [str(CONSOLE), "halt", scope, "--reason", "terminal test", "--confirm", confirm, "--config", str(config)]


class Cuttable:
    """A TCP relay on loopback whose connections can be stalled or cut."""

    def __init__(self, to: int) -> None:
        self._to = to
        self._writers: list[asyncio.StreamWriter] = []
        self._flows = asyncio.Event()
        self._flows.set()
        self.port = 0

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Cuttable]:
        server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            self.cut()
            server.close()

    def stall(self) -> None:
        """Read nothing from either side."""
        self._flows.clear()

    def cut(self) -> None:
        """End all connections, without a word (RST)."""
        for writer in self._writers:
            sock = writer.get_extra_info("socket")
            with suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
            writer.transport.abort()
        self._writers.clear()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
        self._writers += [writer, far_writer]
        with suppress(OSError, asyncio.IncompleteReadError):
            await asyncio.gather(self._copy(reader, far_writer), self._copy(far_reader, writer))

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            await self._flows.wait()
            writer.write(data)
            await writer.drain()
        writer.close()


SSHD, SSH, KEYGEN = shutil.which("sshd") or "/usr/sbin/sshd", shutil.which("ssh"), shutil.which("ssh-keygen")


def why_no_sshd() -> str:
    """Why a real sshd cannot be started here; empty if it can."""
    missing = [name for name in (SSHD, SSH or "ssh", KEYGEN or "ssh-keygen") if not Path(name).exists()]
    return f"Debian's openssh-server and openssh-client are not installed ({', '.join(missing)})" if missing else ""


def _start_sshd(folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    for name in ("host", "user"):
        subprocess.run([str(KEYGEN), "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    shutil.copy(folder / "user.pub", folder / "authorized")
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # its privilege separation directory, as its service file makes it
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    lines = [
        f"Port {port}",
        "ListenAddress 127.0.0.1",
        f"HostKey {folder / 'host'}",
        f"AuthorizedKeysFile {folder / 'authorized'}",
        f"PidFile {folder / 'pid'}",
        "StrictModes no",
        "UsePAM no",
        "PasswordAuthentication no",
        "PermitRootLogin prohibit-password",
        "ClientAliveInterval 1",
        "ClientAliveCountMax 2",
    ]
    (folder / "sshd_config").write_text("\n".join(lines) + "\n")
    return subprocess.Popen([SSHD, "-D", "-e", "-f", str(folder / "sshd_config")], stderr=subprocess.DEVNULL), port


@asynccontextmanager
async def sshd(folder: Path) -> AsyncIterator[int]:
    """A real sshd on loopback with keys of its own; its port. Runs as whoever runs the test."""
    server, port = _start_sshd(folder)
    try:
        await eventually(lambda: _listens(port), within=10)
        yield port
    finally:
        server.terminate()
        await asyncio.to_thread(server.wait)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def over_ssh(folder: Path, port: int, command: list[str]) -> list[str]:
    """A command on the sshd's machine, with a terminal there."""
    options = [
        "StrictHostKeyChecking=no",
        f"UserKnownHostsFile={folder / 'known'}",
        "LogLevel=ERROR",
        "IdentitiesOnly=yes",
    ]
    return [
        str(SSH),
        "-tt",
        "-F",
        "none",
        "-i",
        str(folder / "user"),
        "-p",
        str(port),
        *(word for option in options for word in ("-o", option)),
        f"{getpass.getuser()}@127.0.0.1",
        " ".join(f"'{word}'" for word in command),
    ]
