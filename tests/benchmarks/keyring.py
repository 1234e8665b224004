"""Any keyring trouble costs at most three seconds: what a probe, an unsealing and a sealing take in each kind of it.

A session bus and a gnome-keyring of this benchmark's own (Debian's dbus and gnome-keyring). A service that hangs is one
that was stopped (SIGSTOP) with the connection open; one that lies answers with what was never sealed. Deriving a key
from a passphrase (Argon2id, twice at most) is in it:
on a machine that is busy otherwise that is what takes long, so measure on an idle one.
"""

from __future__ import annotations

import asyncio
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from benchmarks.measuring import Row
from keyring_service import bus, gnome_keyring
from killswitch_console.vault.sealing import derived_password
from killswitch_console.vault.secret_service import SecretService
from killswitch_console.vault.vault import VaultError, VaultState

LIMIT = 3.0
"""Seconds: what the issue allows."""

ROUNDS = 5

RING = SecretService("ring", "killswitch")
PASSPHRASE = b"correct-horse-battery-staple"
WRONG = b"wrong-horse-battery-staple"

Act = Callable[[], Coroutine[Any, Any, object]]


async def measure() -> list[Row]:
    rows = []
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
        rows += await case("no D-Bus session")
        patch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={folder}/nothing")
        rows += await case("a D-Bus address where nobody is")
        with bus(Path(folder) / "bus", patch) as environment:
            rows += await case("no Secret Service on the bus")
            with gnome_keyring(environment) as daemon:
                rows += await kept(daemon)
    return rows


async def kept(daemon: subprocess.Popen[bytes]) -> list[Row]:
    """The cases in which a keyring runs."""
    rows = await case("nothing enrolled", writes=False)
    await RING.seal(bytearray(b"the secret"), bytearray(PASSPHRASE))
    rows += await case("locked, and opened by its passphrase", fails=False)
    rows += await case("the wrong passphrase", passphrase=WRONG)
    password = await asyncio.to_thread(derived_password, PASSPHRASE, RING.collection)
    await RING._ask({"op": "seal", "password": password, "container": "not what was sealed"})
    rows += await case("it lies: what it gives was never sealed", writes=False)
    async with stopped(daemon):
        rows += await case("it hangs: connected, and silent")
    return rows


@asynccontextmanager
async def stopped(daemon: subprocess.Popen[bytes]) -> AsyncIterator[None]:
    daemon.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        daemon.send_signal(signal.SIGCONT)


async def case(name: str, *, passphrase: bytes = PASSPHRASE, fails: bool = True, writes: bool = True) -> list[Row]:
    """The worst of probing, unsealing and, where that leaves the case as it is, sealing."""

    async def probed() -> None:
        found = await RING.probe()
        assert found.state is not VaultState.OPEN, "it was left open"

    async def unsealed() -> None:
        await refused(RING.unseal(bytearray(passphrase)), fails=fails)

    async def sealed() -> None:
        await refused(RING.seal(bytearray(b"the secret"), bytearray(passphrase)), fails=fails)

    acts: list[Act] = [probed, unsealed, *([sealed] if writes else [])]
    taken = [await seconds(act) for _ in range(ROUNDS) for act in acts]
    return [Row(f"keyring, worst of {len(taken)}: {name}", [max(taken)], limit=LIMIT)]


async def refused(work: Coroutine[Any, Any, object], *, fails: bool) -> None:
    """Do it; it must end as the case says."""
    with suppress(VaultError):
        await work
        assert not fails, "it was not refused"
        return
    assert fails, "it was refused"


async def seconds(act: Act) -> float:
    began = time.perf_counter()
    await act()
    return time.perf_counter() - began
