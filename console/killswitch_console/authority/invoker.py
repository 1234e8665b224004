"""Who is at this console: what the operating system knows of the person, before any platform is asked."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoker:
    """The named human behind a command, as the operating system knows them. Every field can be absent but the first."""

    os_user: str
    uid: int
    host: str
    sudo_user: str | None = None
    """Who they were before sudo."""
    ssh_connection: str | None = None
    """Client address and port, server address and port, as sshd exports them."""
    tty: str | None = None

    def __str__(self) -> str:
        return f"{self.sudo_user or self.os_user}@{self.host}"


def current_invoker(environ: Mapping[str, str] = os.environ) -> Invoker:
    """Ask the operating system who runs this process."""
    uid = os.getuid()
    return Invoker(
        os_user=_os_user(uid),
        uid=uid,
        host=socket.gethostname(),
        sudo_user=environ.get("SUDO_USER"),
        ssh_connection=environ.get("SSH_CONNECTION"),
        tty=_tty(),
    )


def _os_user(uid: int) -> str:
    """The account of a uid; getpass would believe $LOGNAME, which anyone can set."""
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _tty() -> str | None:
    try:
        return os.ttyname(0)
    except OSError:
        return None
