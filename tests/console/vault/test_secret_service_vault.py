"""The keyring vault against a real gnome-keyring: enrol, locked, wrong passphrase, silent, absent, no D-Bus."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from keyring_service import bus, gnome_keyring, needs_keyring
from killswitch_console.vault.secret_service import SecretService
from killswitch_console.vault.vault import VaultEmpty, VaultError, VaultLocked, VaultState

PASSPHRASE = b"correct-horse-battery-staple"
SECRET = b"the bundle: AKIA-NOT-A-KEY"


@pytest.fixture(autouse=True)
def patience(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the limit is not the subject, a busy test machine may take longer than it."""
    if "silent" not in request.node.name:
        monkeypatch.setattr("killswitch_console.vault.secret_service.KEYRING_SECONDS", 20.0)


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[bytes]]:
    needs_keyring()
    with bus(tmp_path / "home", monkeypatch) as environment, gnome_keyring(environment) as daemon:
        yield daemon


VAULT = SecretService("ring", "killswitch")


async def test_what_was_sealed_comes_back_and_is_locked_again(daemon: object, tmp_path: Path) -> None:
    assert (await VAULT.probe()).state is VaultState.MISSING
    with pytest.raises(VaultEmpty):
        await VAULT.unseal(bytearray(PASSPHRASE))

    await VAULT.seal(bytearray(b"older"), bytearray(PASSPHRASE))
    await VAULT.seal(bytearray(SECRET), bytearray(PASSPHRASE))
    assert (await VAULT.probe()).state is VaultState.SEALED
    assert await VAULT.unseal(bytearray(PASSPHRASE)) == SECRET
    assert (await VAULT.probe()).state is VaultState.SEALED, "left unlocked"

    kept = list((tmp_path / "home").rglob("*.keyring"))
    assert [path.stem for path in kept] == ["killswitch"]
    assert SECRET not in kept[0].read_bytes()


async def test_a_wrong_passphrase_is_said_to_be_one(daemon: object) -> None:
    await VAULT.seal(bytearray(SECRET), bytearray(PASSPHRASE))
    with pytest.raises(VaultLocked, match="passphrase"):
        await VAULT.unseal(bytearray(b"wrong-horse-battery-staple"))
    with pytest.raises(VaultLocked, match="passphrase"):
        await VAULT.seal(bytearray(b"x"), bytearray(b"wrong-horse-battery-staple"))
    assert await VAULT.unseal(bytearray(PASSPHRASE)) == SECRET


async def test_another_process_of_the_account_gets_only_a_sealed_bundle(daemon: object) -> None:
    """While a collection is open, any process of the account can read it: what it finds must be sealed."""
    await VAULT.seal(bytearray(SECRET), bytearray(PASSPHRASE))
    from killswitch_console.vault.sealing import derived_password

    thief = (
        "import secretstorage, sys\n"
        "from killswitch_console.vault.collection_child import _Service\n"
        "bus = secretstorage.dbus_init()\n"
        "service = _Service(bus, 'killswitch')\n"
        "service._unlock(sys.stdin.read())\n"
        "print(service._keyring().get_password('killswitch-console', 'killswitch'))\n"
    )
    password = derived_password(PASSPHRASE, "killswitch")
    command = [sys.executable, "-c", thief]
    found = await asyncio.to_thread(subprocess.run, command, input=password, capture_output=True, text=True, check=True)
    assert "killswitch-console sealed bundle" in found.stdout
    assert SECRET.decode() not in found.stdout


async def test_a_service_that_goes_silent_costs_three_seconds(daemon: subprocess.Popen[bytes]) -> None:
    daemon.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    with pytest.raises(VaultError, match=r"did not answer within 2.5 s.*sealed-file"):
        await VAULT.unseal(bytearray(PASSPHRASE))
    assert time.monotonic() - began < 6


async def test_a_bus_without_a_secret_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needs_keyring()
    with bus(tmp_path / "home", monkeypatch):
        probe = await VAULT.probe()
    assert (probe.state, probe.todo) == (
        VaultState.UNAVAILABLE,
        "install and start gnome-keyring, or use a sealed-file vault",
    )


@pytest.mark.parametrize("address", [None, "unix:path=/nonexistent/bus"])
async def test_without_a_bus(monkeypatch: pytest.MonkeyPatch, address: str | None) -> None:
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    if address:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
    probe = await VAULT.probe()
    assert probe.state is VaultState.UNAVAILABLE
    assert "sealed-file" in probe.todo
    with pytest.raises(VaultError, match="vault ring"):
        await VAULT.seal(bytearray(SECRET), bytearray(PASSPHRASE))
