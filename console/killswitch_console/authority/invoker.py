"""Who is at this console: what the operating system knows of the person, before any platform is asked.

Variables that anyone can set are believed only where something that they cannot set agrees: the uid, the kernel's
login uid, a ``sudo`` of root's among this process's ancestors.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_NO_LOGIN = 0xFFFFFFFF
"""The kernel's login uid of a process that no login started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformName:
    """Whom one platform takes this console for."""

    backend: str
    name: str
    account: str = ""
    related: tuple[str, ...] = ()
    """The role behind a session, its groups."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoker:
    """The named human behind a command. Every field can be absent but the first three."""

    os_user: str
    uid: int
    host: str
    sudo_user: str | None = None
    """Who they were before sudo; only where a sudo process vouches for it."""
    login_user: str | None = None
    """Who logged in, by the kernel's login uid: survives su and sudo, and cannot be set without CAP_AUDIT_CONTROL."""
    ssh_connection: str | None = None
    """Client address and port, server address and port, as sshd exports them."""
    ssh_key: str | None = None
    """SHA256 fingerprint of the key they logged in with, where sshd exposes it (``ExposeAuthInfo yes``)."""
    tty: str | None = None
    groups: tuple[str, ...] = ()
    platforms: tuple[PlatformName, ...] = ()
    """Whom the platforms take this console for, as far as they answered."""
    role: str | None = None
    """The configured role that allowed it; None where no roles are configured, or outside any."""
    override: str | None = None
    """Why they act outside their role, where they do: a security event."""

    @property
    def person(self) -> str:
        """The account of the human, as far as it is known."""
        return self.login_user or self.sudo_user or self.os_user

    @property
    def came(self) -> str:
        """How they came here, in words: who logged in, through what, with which key."""
        steps = []
        if self.ssh_connection:
            key = f" with key {self.ssh_key}" if self.ssh_key else ""
            steps.append(f"by SSH from {self.ssh_connection.split()[0]}{key}")
        if self.sudo_user:
            steps.append(f"by sudo from {self.sudo_user}")
        elif self.person != self.os_user:
            steps.append(f"now {self.os_user}")
        return ", ".join(steps) or ("at a terminal of this machine" if self.tty else "without a terminal")

    def __str__(self) -> str:
        return f"{self.person}@{self.host}"


def current_invoker(environ: Mapping[str, str] = os.environ, proc: Path = _PROC) -> Invoker:
    """Ask the operating system who runs this process."""
    uid = os.getuid()
    return Invoker(
        os_user=_account(uid),
        uid=uid,
        host=socket.gethostname(),
        sudo_user=_sudo_user(environ, uid, proc),
        login_user=_login_user(proc),
        ssh_connection=environ.get("SSH_CONNECTION"),
        ssh_key=_ssh_key(environ.get("SSH_USER_AUTH")),
        tty=_tty(),
        groups=_groups(),
    )


def _account(uid: int) -> str:
    """The account of a uid; getpass would believe $LOGNAME, which anyone can set."""
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _groups() -> tuple[str, ...]:
    import grp

    names: list[str] = []
    for gid in sorted({os.getgid(), *os.getgroups()}):
        try:
            names.append(grp.getgrgid(gid).gr_name)
        except KeyError:
            names.append(str(gid))
    return tuple(names)


def _sudo_user(environ: Mapping[str, str], uid: int, proc: Path) -> str | None:
    """``$SUDO_USER``, unless an ordinary account could have made it up."""
    claimed = environ.get("SUDO_USER")
    if not claimed or (uid != 0 and not any(_is_sudo(proc / str(pid)) for pid in _ancestors(proc))):
        return None
    return claimed


def _is_sudo(process: Path) -> bool:
    """Whether a process runs sudo as root: an ordinary account can take the name, but not the uid."""
    status = _status(process)
    return status.get("Name") == "sudo" and status.get("Uid", "").split()[1:2] == ["0"]


def _ancestors(proc: Path) -> Iterator[int]:
    pid = os.getppid()
    for _ in range(64):
        if pid <= 1:
            return
        yield pid
        parent = _status(proc / str(pid)).get("PPid", "0")
        pid = int(parent) if parent.isdigit() else 0


def _status(process: Path) -> dict[str, str]:
    try:
        lines = (process / "status").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def _login_user(proc: Path) -> str | None:
    try:
        uid = int((proc / "self/loginuid").read_text(encoding="ascii"))
    except (OSError, ValueError):  # a kernel without auditing
        return None
    return None if uid == _NO_LOGIN else _account(uid)


def _ssh_key(path: str | None) -> str | None:
    """The fingerprint of the first public key in sshd's authentication record, in ssh-keygen's form."""
    if not path:
        return None
    try:
        lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    for words in (line.split() for line in lines):
        if len(words) >= 3 and words[0] == "publickey":
            return _fingerprint(words[2])
    return None


def _fingerprint(key: str) -> str | None:
    try:
        digest = hashlib.sha256(base64.b64decode(key, validate=True)).digest()
    except (binascii.Error, ValueError):
        return None
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def _tty() -> str | None:
    try:
        return os.ttyname(0)
    except OSError:
        return None
