"""Places that no other account of this machine can write to, or lead elsewhere: the state directory and what is in it.

Another local user may have been there first: with a link to somewhere else, a file of their own, a FIFO that blocks
whoever opens it. Whatever the console trusts later (prior states, approvals, the trail, leases) is opened through here.
``NotPrivate`` is an ``OSError``, so that it takes the way of every file that cannot be used: a halt goes on without it,
everything else is refused. Standard library only, and light: imported before the first paint.

A file is looked at before SQLite opens it by its name. In between only this account could put another in its place,
because the directory is looked at first.
"""

from __future__ import annotations

import errno
import os
import pwd
import stat
from pathlib import Path
from typing import Final

OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
OTHERS_AT_ALL: Final = stat.S_IRWXG | stat.S_IRWXO


class NotPrivate(OSError):
    """Another account has, or had, a hand in it; says which path, what is wrong and what to do."""

    def __init__(self, what: str) -> None:
        super().__init__(errno.EPERM, what)

    def __str__(self) -> str:
        return str(self.strerror)


def folder(path: Path) -> Path:
    """A directory that only this account can write to, made (0700) where there is none.

    Raises:
        NotPrivate: another account owns it or the link to it, or others can write to it.
        OSError: it cannot be made or looked at.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    check_folder(path)
    return path


def check_folder(path: Path) -> None:
    """See that only this account can write to a directory that is there. Raises as ``folder``."""
    link, found = path.lstat(), path.stat()
    if stat.S_ISLNK(link.st_mode) and link.st_uid not in (0, os.geteuid()):
        raise NotPrivate(f"{path} is a link that {_who(link.st_uid)} made: `rm` it")
    if found.st_uid != os.geteuid():
        raise NotPrivate(
            f"{path} belongs to {_who(found.st_uid)}, not to {_who(os.geteuid())}: run as its owner "
            f"(`sudo -u {_who(found.st_uid)}`), or name another"
        )
    if found.st_mode & OTHERS_WRITE:
        raise NotPrivate(
            f"{path} can be written by other accounts (mode {stat.S_IMODE(found.st_mode):04o}): see that all in it is "
            f"yours, then `chmod go-w {path}`"
        )


def check_file(path: Path, *, close: bool = True) -> None:
    """See that a file, if it is there, is a plain one of this account's own, and nobody else can write to it.

    One of ours that others could only read is closed to them, unless ``close`` is off. Never blocks, whatever it is.

    Raises:
        NotPrivate: it is a link, a FIFO, another account's, has a second name, or others can write to it.
        OSError: it cannot be looked at.
    """
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    _check(path, found)
    if close and found.st_mode & OTHERS_AT_ALL:
        path.chmod(stat.S_IMODE(found.st_mode) & ~OTHERS_AT_ALL)


def open_file(path: Path, flags: int, *, mode: int = 0o600) -> int:
    """``os.open`` for a plain file of this account's own: no link is followed, no FIFO waited for.

    Raises:
        NotPrivate, OSError: as ``check_file``; also what ``os.open`` raises.
    """
    try:
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, mode)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):  # a link; a FIFO without a reader, or a socket
            _check(path, path.lstat())
        raise
    try:
        _check(path, os.fstat(descriptor))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def read(path: Path) -> bytes:
    """All of a file of this account's own. Raises as ``check_file``, and ``FileNotFoundError``."""
    with os.fdopen(open_file(path, os.O_RDONLY), "rb") as file:
        return file.read()


def open_output(path: Path) -> int:
    """A file to write what only this account is to read, emptied, or made (0600) where there is none.

    Raises:
        NotPrivate: somebody else's file, or a link that somebody else made, stands there: they would read along.
        OSError: it cannot be written.
    """
    try:
        found = path.lstat()
    except FileNotFoundError:
        pass
    else:
        if found.st_uid not in (0, os.geteuid()):
            raise NotPrivate(f"{path} is there already and belongs to {_who(found.st_uid)}: name another file")
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)


def check_plain(path: Path) -> None:
    """See that what is to be read is a file: whosever it is, opening it must not wait for ever. Raises ``OSError``."""
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, f"is {_kind(mode)}, not a file")


def _check(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise NotPrivate(f"{path} is {_kind(found.st_mode)}, not a file: find out who put it there, and `rm` it")
    if found.st_uid != os.geteuid():
        raise NotPrivate(
            f"{path} belongs to {_who(found.st_uid)}, not to {_who(os.geteuid())}: find out how it came there, and "
            "`rm` it"
        )
    if found.st_nlink > 1:
        raise NotPrivate(f"{path} has a second name elsewhere (a hard link): put a copy in its place (`cp`, `mv`)")
    if found.st_mode & OTHERS_WRITE:
        raise NotPrivate(
            f"{path} could be written by other accounts (mode {stat.S_IMODE(found.st_mode):04o}): see that it is what "
            f"you left there, then `chmod 600 {path}`"
        )


def _kind(mode: int) -> str:
    kinds = {stat.S_IFLNK: "a link", stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket", stat.S_IFDIR: "a directory"}
    return kinds.get(stat.S_IFMT(mode), "a device")


def _who(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
