"""Break-glass on the screen: ceremony, red frame, countdown, sealing; and a keyring in every kind of trouble."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from textual import events
from textual.widgets import Input

from console.tui.driving import Driven, console_of
from console.tui.picturing import Pictures, pictures
from console.tui.scripted import IAM, KUBERNETES, settings, small_world
from console.tui.still import NOW, still_console
from keyring_service import bus, gnome_keyring, needs_keyring
from killswitch_backends.emergency import EmergencyCredential, Lend
from killswitch_console.authority.breakglass import GlassSettings
from killswitch_console.authority.opening import Opening
from killswitch_console.config import load_configuration
from killswitch_console.halting.sighting import Opener
from killswitch_console.tui.signing import SignBoard
from killswitch_console.tui.widgets.secret_line import SecretLine
from killswitch_console.vault.credential import Credential, CredentialKind, bundled
from killswitch_console.vault.register import Entry, Register
from killswitch_console.vault.sealed_file import SealedFile
from killswitch_console.vault.secret_service import SecretService
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


@pytest.fixture(autouse=True)
def no_hardening(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the test process debuggable: hardening has a test of its own."""
    monkeypatch.setattr("killswitch_console.authority.breakglass.harden", lambda: None)


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


async def test_the_ceremony_opens_frames_every_screen_and_is_sealed(tmp_path: Path) -> None:
    world, vault = small_world(), await sealed_file(tmp_path)
    async with glazed(world, tmp_path, vault) as driven:
        register = Register(tmp_path / "breakglass.json")
        kind = CredentialKind.KUBERNETES_CERTIFICATE
        now = driven.app.now()
        register.put(Entry(name="cluster", kind=kind, backends=("kubernetes:prod",), vaults=("file",), enrolled_at=now))
        await driven.press("b")
        await driven.sees("● file: sealed", "cluster (kubernetes-certificate) opens kubernetes:prod")
        await driven.press("ctrl+n")
        await driven.sees("a reason is required; nothing was done")
        await tried(driven, "vault file: the passphrase does not open it", "not the passphrase")
        assert not framed(driven)

        await fill(driven, passphrase=PASSPHRASE)
        assert "•" in driven.text
        assert PASSPHRASE not in driven.app.export_screenshot()
        await driven.press("enter")
        await driven.sees("BREAK-GLASS IS OPEN, for 1", "act on       kubernetes:prod")
        assert framed(driven)
        assert not any(line.filled for line in driven.app.screen.query(SecretLine))

        await driven.press("1")
        await driven.sees("◆ BREAK-GLASS OPEN 1", "[b] seal")
        assert framed(driven)
        assert register.entries()[0].used_at is not None

        await driven.press("b")
        await driven.press("ctrl+s")
        await driven.sees("Sealed. Rotate what was used")
        await driven.until(lambda: driven.state.glass is None)
        await driven.press("1")
        await driven.until(lambda: not framed(driven))
        assert "BREAK-GLASS" not in driven.text


async def test_a_passphrase_typed_fast_stays_out_of_the_other_fields(tmp_path: Path) -> None:
    """All keys are there before the first is looked at, as after a stalled line."""
    async with glazed(small_world(), tmp_path, await sealed_file(tmp_path)) as driven:
        await driven.press("b")
        await driven.sees("● file: sealed")
        for key in [*"down", "enter", *"INC-7", "enter", *PASSPHRASE, "enter"]:
            name = {"-": "minus"}.get(key, key)
            character = "\r" if key == "enter" else key
            driven.app.post_message(events.Key(name, character))
        await driven.sees("BREAK-GLASS IS OPEN")
        fields = {name: driven.app.screen.query_one(name, Input).value for name in ("#reason", "#incident")}
        assert fields == {"#reason": "down", "#incident": "INC-7"}


async def test_it_is_offered_where_the_normal_path_fails(tmp_path: Path) -> None:
    world, vault = small_world(), await sealed_file(tmp_path)
    async with glazed(world, tmp_path, vault) as driven:
        assert "[b] break-glass" not in driven.text
        views = driven.state.backends
        broken = tuple(replace(v, sightedness=type(v.sightedness).FAILED, problem="expired") for v in views[:1])
        driven.state.backends = (*broken, *views[1:])
        await driven.sees("kubernetes:prod cannot be seen: credentials refused?", "[b] break-glass")


async def test_a_second_custodian_at_the_console(tmp_path: Path) -> None:
    ada, bob = await sealed_file(tmp_path, "ada"), await sealed_file(tmp_path, "bob", "bob-keeps-another-word")
    async with glazed(small_world(), tmp_path, ada, bob, two=True, size=(120, 40)) as driven:
        await driven.press("b")
        await driven.sees("● ada of ada: sealed", "● bob of bob: sealed", "Or alone")
        await ceremony(driven)
        await driven.sees("BREAK-GLASS IS OPEN", "global takes two: a second custodian's passphrase below")
        await fill(driven, second=PASSPHRASE)
        await driven.press("ctrl+n")
        await driven.sees("vault bob: the passphrase")
        await fill(driven, second="bob-keeps-another-word")
        await driven.press("ctrl+n")
        await driven.sees("ada and bob")
        assert driven.state.glass is not None
        assert driven.state.glass.countersigned


async def test_who_turns_out_to_be_alone_says_why_later(tmp_path: Path) -> None:
    ada, bob = await sealed_file(tmp_path, "ada"), await sealed_file(tmp_path, "bob", "bob-keeps-another-word")
    async with glazed(small_world(), tmp_path, ada, bob, two=True, size=(120, 40)) as driven:
        await driven.press("b")
        await ceremony(driven)
        await driven.sees("BREAK-GLASS IS OPEN")
        await driven.press("ctrl+n")
        await driven.sees("the second custodian's passphrase is required, or why you act alone")
        await fill(driven, alone="bob is on a plane")
        await driven.press("ctrl+n")
        assert await driven.sees("alone        bob is on a plane")


async def test_a_lone_operator_says_why_beforehand(tmp_path: Path) -> None:
    ada, bob = await sealed_file(tmp_path, "ada"), await sealed_file(tmp_path, "bob", "bob-keeps-another-word")
    async with glazed(small_world(), tmp_path, ada, bob, two=True, size=(120, 40)) as driven:
        await driven.press("b")
        await ceremony(driven, alone="bob does not answer")
        assert await driven.sees("BREAK-GLASS IS OPEN", "bob does not answer")


async def test_who_may_only_look_is_not_offered_it(tmp_path: Path) -> None:
    async with glazed(small_world(), tmp_path, await sealed_file(tmp_path)) as driven:
        assert driven.app.places.by_key("b") is not None
        driven.state.read_only = True
        await driven.press("b")
        await ceremony(driven)
        assert "Recording" not in driven.text
        assert driven.state.glass is None


async def test_without_a_vault_it_says_how_to_have_one_and_offers_nothing(tmp_path: Path) -> None:
    async with glazed(small_world(), tmp_path) as driven:
        await driven.press("b")
        await driven.sees("No vault is configured", "[[vault]]", "breakglass enrol NAME", "docs/break-glass.md")
        await driven.sees(": Command")  # no field takes the keys in
        for nothing in ("Break the glass", "Reason", "Passphrase", "Enter on the last field"):
            assert nothing not in driven.text
        await driven.press("ctrl+n", "enter")
        assert "required" not in driven.text
        await driven.press("2")
        await driven.sees("Nothing was halted from this bastion")


async def test_its_key_works_before_anything_but_the_first_frame_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()
    monkeypatch.setattr(SignBoard, "load", lambda _: go_on.wait(30))
    vault = await sealed_file(tmp_path, "ada")
    async with glazed(small_world(), tmp_path, vault, early=True) as driven:
        try:
            assert not driven.app.places.known
            await driven.press("B")  # no place's letter, and not to be minded
            await driven.press("b")
            await ceremony(driven)  # what is typed at once goes where it was meant to
            await driven.sees("BREAK-GLASS IS OPEN")
        finally:
            go_on.set()


# -- a keyring in trouble ------------------------------------------------------------------------------------------

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
@pytest.mark.parametrize("running", [False, True], ids=["no D-Bus", "no Secret Service"])
async def test_without_a_keyring(running: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not running:
        monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
        async with glazed(small_world(), tmp_path, RING, size=(120, 40)) as driven:
            await driven.press("b")
            await tried(driven, "there is no D-Bus session here (start the console by `dbus-run-session")
        return
    needs_keyring()
    with bus(tmp_path / "home", monkeypatch):
        async with glazed(small_world(), tmp_path, RING, size=(120, 40)) as driven:
            await driven.press("b")
            await tried(driven, "no Secret Service answers on this session bus")


# -- pictures ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)], ids=lambda size: f"{size[0]}x{size[1]}")
async def test_what_open_glass_looks_like(size: tuple[int, int], request: pytest.FixtureRequest) -> None:
    check: Pictures = pictures(request)
    async with still_console(size=size) as driven:
        driven.state.glass = Opening(
            "file",
            ("aws", "cluster"),
            (KUBERNETES,),
            NOW,
            NOW + timedelta(minutes=60),
            NOW + timedelta(minutes=14, seconds=5),
            (str(IAM),),
        )
        await driven.until(lambda: bool(driven.app.places.known))
        await driven.press("b")
        await driven.sees("BREAK-GLASS IS OPEN, for 14:05")
        assert await check(driven, "breakglass-open") == []
