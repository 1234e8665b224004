"""Break-glass out of a keyring that is in every kind of trouble: what the screen says, and that it stays alive."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.tui.glass import (
    CONTENT,
    PASSPHRASE,
    ceremony,
    framed,
    glazed,
    sealed_file,
    tried,
)
from console.tui.scripted import small_world
from keyring_service import bus, gnome_keyring, needs_keyring
from killswitch_console.vault.credential import bundled
from killswitch_console.vault.secret_service import SecretService

RING = SecretService("ring", "killswitch")


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[bytes]]:
    needs_keyring()
    with bus(tmp_path / "home", monkeypatch) as environment, gnome_keyring(environment) as daemon:
        yield daemon


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the limit is not the subject, a busy test machine may take longer than it."""
    monkeypatch.setattr("killswitch_console.vault.secret_service.KEYRING_SECONDS", 20.0)


@pytest.mark.usefixtures("patient")
async def test_a_locked_keyring_opens_by_its_passphrase_only(daemon: object, tmp_path: Path) -> None:
    await RING.seal(bundled(CONTENT), bytearray(PASSPHRASE.encode()))
    async with glazed(small_world(), tmp_path, RING, size=(120, 40)) as driven:
        await driven.press("b")
        await driven.sees("● ring: sealed")
        await tried(driven, "vault ring: the passphrase does not open it", "not the passphrase")
        await ceremony(driven)
        assert await driven.sees("BREAK-GLASS IS OPEN", "vault ring")


async def test_a_silent_keyring_leaves_the_console_alive(daemon: subprocess.Popen[bytes], tmp_path: Path) -> None:
    async with glazed(small_world(), tmp_path, RING, size=(120, 40)) as driven:
        await driven.press("b")
        await driven.sees("Credentials")
        daemon.send_signal(signal.SIGSTOP)
        assert await tried(driven, "the Secret Service did not answer within 2.5 s (use a sealed-file vault)") > 4


async def test_a_silent_keyring_gives_way_to_the_next_vault(daemon: subprocess.Popen[bytes], tmp_path: Path) -> None:
    daemon.send_signal(signal.SIGSTOP)
    async with glazed(small_world(), tmp_path, RING, await sealed_file(tmp_path), size=(120, 40)) as driven:
        await driven.press("b")
        await ceremony(driven)
        assert await driven.sees("BREAK-GLASS IS OPEN", "opened by    vault file")


@pytest.mark.usefixtures("patient")
async def test_a_keyring_that_was_never_enrolled_or_lies(daemon: object, tmp_path: Path) -> None:
    async with glazed(small_world(), tmp_path, RING, size=(120, 40)) as driven:
        await driven.press("b")
        assert await driven.sees("✖ ring: missing", "killswitch-console breakglass enrol")
        await tried(driven, "nothing is kept in keyring collection 'killswitch'")
        from killswitch_console.vault.sealing import derived_password

        password = await asyncio.to_thread(derived_password, PASSPHRASE.encode(), "killswitch")
        await RING._ask({"op": "seal", "password": password, "container": "not what was sealed"})
        await tried(driven, "what the keyring gave: it is not a sealed bundle")


@pytest.mark.usefixtures("patient")
async def test_without_a_session_bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    async with glazed(small_world(), tmp_path, RING, size=(120, 40)) as driven:
        await driven.press("b")
        await tried(driven, "there is no D-Bus session here (start the console by `dbus-run-session")
        assert (driven.state.glass, framed(driven)) == (None, False)


@pytest.mark.usefixtures("patient")
async def test_without_a_keyring_on_the_bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needs_keyring()
    with bus(tmp_path / "home", monkeypatch):
        async with glazed(small_world(), tmp_path, RING, size=(120, 40)) as driven:
            await driven.press("b")
            await tried(driven, "no Secret Service answers on this session bus")
            assert (driven.state.glass, framed(driven)) == (None, False)
