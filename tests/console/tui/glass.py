"""Break-glass on a screen that a test drives: vaults, the form, and the ceremony."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from unittest import mock

from textual.widgets import Input

from console.tui.driving import Driven, console_of
from console.tui.scripted import KUBERNETES, settings
from killswitch_backends.emergency import EmergencyCredential, Lend
from killswitch_console.authority.glass_settings import GlassSettings
from killswitch_console.config import load_configuration
from killswitch_console.halting.sighting import Opener
from killswitch_console.vault.credential import Credential, CredentialKind, bundled
from killswitch_console.vault.register import Register
from killswitch_console.vault.sealed_file import SealedFile
from killswitch_console.vault.vault import Vault
from killswitch_inventory.scopes import ScopeKind
from scripted_platform import World

PASSPHRASE = "ocelot-granite-violin-seven-harbor"
SECRET = "the-break-glass-token"
CONTENT = (
    Credential(
        name="cluster",
        kind=CredentialKind.KUBERNETES_CERTIFICATE,
        backends=(str(KUBERNETES),),
        fields={"server": "https://127.0.0.1", "certificate": "c", "key": SECRET},
    ),
)


@asynccontextmanager
async def glazed(
    world: World,
    state_dir: Path,
    *vaults: Vault,
    two: bool = False,
    early: bool = False,
    size: tuple[int, int] = (80, 24),
) -> AsyncIterator[Driven]:
    """The console on a scripted world, with vaults; ``early``: before it knows its places."""

    def emergency(credentials: Sequence[EmergencyCredential], lend: Lend) -> Opener:
        lend("key", credentials[0].fields["key"])
        return lambda: world.opened(KUBERNETES)

    glass = GlassSettings(
        vaults=vaults,
        openers={KUBERNETES: emergency},
        register=Register(state_dir / "breakglass.json"),
        two_custodians=frozenset({ScopeKind.GLOBAL}) if two else frozenset(),
    )
    chosen = replace(settings(world, state_dir), glass=glass)
    hardening = mock.patch("killswitch_console.authority.breakglass.harden")  # has a test of its own
    with hardening:
        async with console_of(chosen, world, size=size, agents=5) as driven:
            driven.state.configuration = load_configuration(configured(state_dir, vaults, two=two))
            await driven.until(lambda: early or bool(driven.app.places.known))
            yield driven


def configured(folder: Path, vaults: Sequence[Vault], *, two: bool) -> Path:
    """A configuration that names these vaults."""
    tables = [
        f'[[vault]]\nname = "{v.name}"\nkind = "sealed-file"\npath = "x"\ncustodian = "{v.custodian}"\n' for v in vaults
    ]
    custodians = '[breakglass]\ntwo_custodians = ["global"]\n' if two else ""
    file = folder / "config.toml"
    file.write_text("".join(tables) + custodians)
    return file


async def sealed_file(folder: Path, custodian: str = "", passphrase: str = PASSPHRASE) -> SealedFile:
    vault = SealedFile(custodian or "file", folder / f"{custodian or 'file'}.ksv", custodian)
    await vault.seal(bundled(CONTENT), bytearray(passphrase.encode()))
    return vault


async def fill(driven: Driven, **fields: str) -> None:
    """Type into fields by their names."""
    for name, text in fields.items():
        driven.app.screen.query_one(f"#{name}").focus()
        if isinstance(field := driven.app.screen.query_one(f"#{name}"), Input):
            field.value = ""
        await driven.until(lambda name=name: driven.app.focused is not None and driven.app.focused.id == name)  # type: ignore[misc]
        await driven.type(text)


async def ceremony(driven: Driven, passphrase: str = PASSPHRASE, **more: str) -> None:
    """The whole form, then the key that breaks the glass."""
    await fill(driven, reason="login is down", incident="INC-7", passphrase=passphrase, **more)
    await driven.press("ctrl+n")


def framed(driven: Driven) -> bool:
    return driven.app.screen.has_class("-bad") and "BREAK-GLASS" in driven.text.splitlines()[0]


async def tried(driven: Driven, says: str, passphrase: str = PASSPHRASE) -> int:
    """Go through the ceremony while the console is used, until it says what is wrong; how many keys it answered."""
    await ceremony(driven, passphrase)
    answered = 0
    deadline = time.monotonic() + 30
    while _unwrapped(says) not in _unwrapped(driven.text):
        await driven.press("pagedown", "pageup")
        answered += 2
        assert time.monotonic() < deadline, driven.text
    assert driven.state.glass is None
    return answered


def _unwrapped(text: str) -> str:
    """A text however it was broken into lines, without the frame."""
    return "".join(text.replace("█", "").replace("▌", "").replace("▐", "").split())
