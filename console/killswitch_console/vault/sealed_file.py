"""The vault that needs nothing but a disk: one container in one file. The recommended one on a bastion."""

from __future__ import annotations

import asyncio
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from killswitch_console import private
from killswitch_console.vault.sealing import NotSealed, WrongPassphrase, header_of, seal, unseal
from killswitch_console.vault.vault import Probe, VaultEmpty, VaultError, VaultLocked, VaultState

_MOST_BYTES = 1 << 20
_FILE_SECONDS = 3.0
"""A file system that hangs costs no more."""


@dataclass(frozen=True, slots=True)
class SealedFile:
    """Implements ``Vault``."""

    name: str
    path: Path
    custodian: str = ""

    @property
    def place(self) -> str:
        """The file."""
        return str(self.path)

    async def probe(self) -> Probe:
        """See ``Vault``."""
        try:
            container = await self._read()
            header = header_of(container)
        except VaultEmpty:
            return Probe(VaultState.MISSING, f"no file {self.path}", "killswitch-console breakglass enrol")
        except VaultError as error:
            return Probe(VaultState.UNAVAILABLE, error.what, error.todo)
        except NotSealed as error:
            return Probe(VaultState.UNAVAILABLE, f"{self.path}: {error}", "restore it from a copy, or enrol anew")
        return Probe(VaultState.SEALED, self._exposed(), sealed_at=header.sealed_at)

    async def unseal(self, passphrase: bytearray) -> bytearray:
        """See ``Vault``."""
        container = await self._read()
        try:
            return await asyncio.to_thread(unseal, container, passphrase)
        except WrongPassphrase as error:
            raise VaultLocked(self.name, str(error)) from None
        except NotSealed as error:
            raise VaultError(self.name, f"{self.path}: {error}", todo="restore it from a copy") from None

    async def seal(self, content: bytearray, passphrase: bytearray) -> None:
        """See ``Vault``."""
        container = await asyncio.to_thread(seal, content, passphrase)
        try:
            await asyncio.to_thread(_replace, self.path, container)
        except OSError as error:
            raise VaultError(self.name, f"{self.path} cannot be written: {error.strerror or error}") from None

    async def _read(self) -> bytes:
        try:
            async with asyncio.timeout(_FILE_SECONDS):
                return await asyncio.to_thread(_read, self.path)
        except FileNotFoundError:
            raise VaultEmpty(self.name, f"there is no {self.path}", todo="breakglass enrol makes it") from None
        except TimeoutError:
            raise VaultError(self.name, f"{self.path}: the disk did not answer", todo="use another vault") from None
        except OSError as error:
            raise VaultError(self.name, f"{self.path} cannot be read: {error.strerror or error}") from None

    def _exposed(self) -> str:
        mode = stat.S_IMODE(self.path.stat().st_mode)
        if mode & private.OTHERS_WRITE:
            return f"other accounts can replace it (mode {mode:04o}): chmod go-w {self.path}"
        return f"readable by everyone (mode {mode:04o}): chmod o= {self.path}" if mode & 0o007 else ""


def _read(path: Path) -> bytes:
    private.check_plain(path)  # a FIFO would keep its thread for ever
    with path.open("rb") as file:
        return file.read(_MOST_BYTES)


def _replace(path: Path, container: bytes) -> None:
    """Write whole or not at all, keeping the owner's choice of who may read it."""
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    mode = stat.S_IMODE(path.stat().st_mode) & 0o640 if path.exists() else 0o600
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(container)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
