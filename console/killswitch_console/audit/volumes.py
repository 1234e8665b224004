"""The trail's directory: which volume is the current one, the signing key, and what happens when a volume is lost.

Each volume has a file name of its own, so that a rollback journal can never be taken for another volume's. ``current``
names the one that is appended to. A volume that vanished is never recreated: a new one begins, and says so.
"""

from __future__ import annotations

import base64
import fcntl
import os
import re
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from killswitch_console import private
from killswitch_console.audit.events import Draft, new_id
from killswitch_console.audit.notes import NoteError, Signer, Verifier
from killswitch_console.audit.storage import TrailUnavailable, create_volume, sync_directory

_NAME: Final = re.compile(r"trail-([0-9A-Z]{26})\.sqlite3")

FirstEvent = Callable[[str, Mapping[str, Any]], Draft]
"""Makes the draft of a first event from its kind and its particulars."""


@dataclass(frozen=True, slots=True)
class TrailDirectory:
    """Where a bastion's trail lives."""

    path: Path
    within: str = ""
    """What stands in the origins of volumes that are begun here, after the bastion's name: ``drill/``, or nothing."""

    @property
    def spool(self) -> Path:
        """Where events go that the volume cannot take."""
        return self.path / "spool"

    @property
    def recordings(self) -> Path:
        """Where recordings of sessions are."""
        return self.path / "recordings"

    @property
    def verifier_file(self) -> Path:
        """The public key, to be kept elsewhere as well."""
        return self.path / "verifier-key"

    def volumes(self) -> list[Path]:
        """All volumes, oldest first: their names sort by time."""
        return sorted(path for path in self.path.glob("trail-*.sqlite3") if _NAME.fullmatch(path.name))

    def current(self) -> Path | None:
        """The volume that is appended to, or None before there is one. It may be missing on disk."""
        try:
            private.check_plain(self.path / "current")
            name = (self.path / "current").read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            return None
        return self.path / name if _NAME.fullmatch(name) else None

    @contextmanager
    def locked(self, name: str = "lock") -> Iterator[None]:
        """Hold a lock between processes; the kernel lets go of it when a process dies."""
        fd = private.open_file(self.path / name, os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)

    def ready(self, first: FirstEvent, signer: Signer | None, known: Mapping[str, Any] | None = None) -> Path:
        """The current volume; a new one where there is none, or where it vanished. Blocks.

        Args:
            first: makes a first event.
            signer: signs it, if there is a key.
            known: what this process last knew of a volume that it found missing.

        Raises:
            TrailUnavailable: when the directory cannot be used.
        """
        try:
            private.folder(self.path)
            with self.locked():
                private.check_file(self.path / "current")
                current = self.current()
                if current is not None and current.exists():
                    return current
                lost = {"lost": current.name} if current is not None else self._orphaned()
                return self.begin(first, signer, {**lost, **(known or {})})
        except private.NotPrivate as error:
            raise TrailUnavailable(str(error)) from None
        except OSError as error:
            raise TrailUnavailable(f"{self.path}: {error}") from error

    def _orphaned(self) -> Mapping[str, Any]:
        """Volumes that are there although nothing names a current one: somebody removed ``current``."""
        names = [path.name for path in self.volumes()]
        return {"unnamed": names} if names else {}

    def begin(self, first: FirstEvent, signer: Signer | None, before: Mapping[str, Any]) -> Path:
        """Begin a new volume and make it the current one. Call it ``locked``; raises as ``ready``."""
        log_id = new_id()
        path = self.path / f"trail-{log_id}.sqlite3"
        data = {"log": log_id, "verifier": str(signer.verifier) if signer else None, **before}
        create_volume(path, f"{key_name()}/{self.within}{log_id}", first("trail.created", data), signer)
        pointer = self.path / "current.new"
        pointer.write_text(path.name + "\n", encoding="ascii")
        pointer.replace(self.path / "current")
        sync_directory(self.path)
        return path

    def signer(self, secret: str | None = None) -> Signer:
        """The signing key: a resolved secret (base64 of 32 bytes), or this directory's own, made when first needed.

        Raises:
            TrailUnavailable: when it cannot be had.
        """
        try:
            seed = base64.b64decode(secret if secret is not None else self._own_key(), validate=True)
            signer = Signer.of(key_name(), seed)
            self._publish(signer.verifier)
        except private.NotPrivate as error:
            raise TrailUnavailable(str(error)) from None
        except (OSError, ValueError, NoteError) as error:
            raise TrailUnavailable(f"{self.path}: the signing key cannot be used: {error}") from None
        return signer

    def _publish(self, verifier: Verifier) -> None:
        if not self.verifier_file.exists():
            self.verifier_file.write_text(f"{verifier}\n", encoding="ascii")

    def _own_key(self) -> str:
        private.folder(self.path)
        path = self.path / "signing-key"
        with self.locked():
            if not path.exists():
                making = path.with_suffix(".making")
                making.unlink(missing_ok=True)
                fd = os.open(making, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(fd, "wb") as file:
                    file.write(base64.b64encode(os.urandom(32)) + b"\n")
                    file.flush()
                    os.fsync(file.fileno())
                making.replace(path)
                sync_directory(self.path)
        return private.read(path).decode("ascii").strip()


def log_id(path: Path) -> str:
    """The id of a volume, from its file's name."""
    found = _NAME.fullmatch(path.name)
    return found[1] if found else path.stem


def key_name() -> str:
    """The name this bastion signs as, and the beginning of each volume's origin."""
    return "killswitch-console/" + (re.sub(r"[^A-Za-z0-9.-]", "-", socket.gethostname()) or "host")
