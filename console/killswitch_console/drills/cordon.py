"""The cordon: a process in drill mode reaches the simulator's loopback address and nothing else.

An audit hook of the interpreter, which nothing can take off again: it vetoes connections and look-ups, other processes,
foreign libraries, and every file outside the drill's folder and the Python installation - so no credential chain, no
agent socket, no keyring and no vault can be opened, whatever code asks. It binds Python code, not compiled code that
brings sockets of its own; none that the console uses does. Must be raised before anything of a platform is imported.
"""

from __future__ import annotations

import os
import socket
import sys
import sysconfig
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

LOOPBACK: Final = "127.0.0.1"

_PASSED_ON: Final = frozenset(
    {"TERM", "COLORTERM", "NO_COLOR", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "PATH", "USER", "LOGNAME", "PYTHONPATH"}
    | {"SSH_CONNECTION", "SUDO_USER", "SUDO_UID", "PYTHONHASHSEED", "TEXTUAL_ANIMATIONS", "COLUMNS", "LINES"}
)
"""Variables that say where and who one is. No other variable of the person's reaches a drill."""

_READABLE: Final = ("/usr", "/lib", "/lib64", "/bin", "/proc", "/sys", "/dev", "/etc")
_NEVER: Final = ("/etc/killswitch-console", "/etc/kubernetes", "/etc/rancher", "/dev/log", "/dev/shm")  # noqa: S108

_SYSLOG: Final = "/dev/log"

_PROCESSES: Final = frozenset(
    {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "pty.spawn"}
)
_LIBRARIES: Final = frozenset({"ctypes.dlopen"})
_LOOK_UPS: Final = frozenset({"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"})
_CONTACTS: Final = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg", "socket.bind"})


class Vetoed(PermissionError):
    """Something in drill mode reached for the world outside; it was not let."""


def drill_environment(home: Path, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables a drill's process gets: none that could name or hold a credential."""
    kept = {name: value for name, value in environ.items() if name in _PASSED_ON}
    return kept | {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_STATE_HOME": str(home / "state"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "KUBECONFIG": os.devnull,
        "PYTHONDONTWRITEBYTECODE": "1",
    }


class Cordon:
    """What one process may still reach. Use ``raise_cordon``.

    Args:
        folder: the drill's own folder: the only one where files may be written.
        sockets: Unix sockets that may be bound or connected to.
        told: called with each attempt that was vetoed.
    """

    def __init__(self, folder: Path, sockets: Iterable[Path], told: Callable[[str], None]) -> None:
        self._folder = os.path.realpath(folder)
        self._sockets = frozenset(os.path.realpath(path) for path in sockets)
        self._told = told
        self._ports: set[int] = set()
        installed = {sysconfig.get_paths()[name] for name in ("stdlib", "purelib", "platlib")}
        roots = {*installed, *(path for path in sys.path if path), sys.prefix, sys.base_prefix, *_READABLE}
        self._readable = tuple(sorted(os.path.realpath(path) for path in roots))
        self._telling = False

    def admit(self, port: int) -> None:
        """Let the process reach one port on 127.0.0.1: the simulator's."""
        self._ports.add(port)

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        """The audit hook. Raises ``Vetoed``."""
        if event == "open":
            self._file(arguments[0], arguments[1], arguments[2])
        elif event in _CONTACTS:
            self._contact(event, arguments[0], arguments[1])
        elif event in _LOOK_UPS:
            self._look_up(arguments[0])
        elif event in _PROCESSES:
            self._veto(f"start another process ({event})")
        elif event in _LIBRARIES and arguments[0] is not None:
            self._veto(f"load the library {arguments[0]!r}")

    def _contact(self, event: str, made: Any, address: Any) -> None:
        if made.family == socket.AF_UNIX:
            name = os.fsdecode(address) if isinstance(address, str | bytes) else ""
            if name and "\0" not in name and os.path.realpath(name) in self._sockets:
                return
            if name == _SYSLOG:
                raise Vetoed(
                    "a drill writes nothing to this machine's log"
                )  # the trail's ladder tries it; no reason to end
        elif event == "socket.bind" and isinstance(address, tuple) and address[0] in (LOOPBACK, "::1"):
            return  # listening here reaches nobody
        elif event == "socket.connect" and isinstance(address, tuple) and address[0] == LOOPBACK:
            if address[1] in self._ports:
                return
        elif event == "socket.sendmsg" and address is None:  # on a connection that was let through
            return
        self._veto(f"reach {address!r} ({event})")

    def _look_up(self, host: Any) -> None:
        name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
        if name not in (None, LOOPBACK):
            self._veto(f"look up {name!r}")

    def _file(self, path: Any, mode: Any, flags: Any) -> None:
        if isinstance(path, int) or path is None:
            return
        asked = os.path.realpath(os.fsdecode(path))
        if _within(asked, (self._folder,)):
            return
        changes = bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)) or bool(set(str(mode or "")) & set("wax+"))
        if changes and not asked.startswith("/dev/"):
            self._veto(f"write {asked}")
        if _within(asked, _NEVER) or not _within(asked, self._readable):
            self._veto(f"open {asked}")

    def _veto(self, what: str) -> None:
        said = f"vetoed: a drill may not {what}"
        if not self._telling:
            self._telling = True
            try:
                self._told(said)
            finally:
                self._telling = False
        raise Vetoed(said)


def _within(path: str, roots: Iterable[str]) -> bool:
    return any(path == root or path.startswith(root.rstrip("/") + "/") for root in roots)


def raise_cordon(folder: Path, *, sockets: Iterable[Path] = (), told: Callable[[str], None]) -> Cordon:
    """Close this process off, for as long as it lives."""
    sys.dont_write_bytecode = True
    cordon = Cordon(folder, sockets, told)
    sys.addaudithook(cordon.hook)
    return cordon
