"""Break-glass on the screen: ceremony, red frame, countdown, sealing."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from textual import events
from textual.widgets import Input

from console.tui.glass import (
    PASSPHRASE,
    ceremony,
    fill,
    framed,
    glazed,
    sealed_file,
    tried,
)
from console.tui.picturing import Pictures, pictures
from console.tui.scripted import IAM, KUBERNETES, small_world
from console.tui.still import NOW, still_console
from killswitch_console.authority.opening import Opening
from killswitch_console.tui.signing import SignBoard
from killswitch_console.tui.widgets.secret_line import SecretLine
from killswitch_console.vault.credential import CredentialKind
from killswitch_console.vault.register import Entry, Register


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


@pytest.mark.parametrize("onward", ["enter", "tab"])
async def test_a_passphrase_typed_fast_stays_out_of_the_other_fields(tmp_path: Path, onward: str) -> None:
    """All keys are there before the first is looked at, as after a stalled line."""
    async with glazed(small_world(), tmp_path, await sealed_file(tmp_path)) as driven:
        await driven.press("b")
        await driven.sees("● file: sealed")
        for key in [*"down", onward, *"INC-7", onward, *PASSPHRASE, "enter"]:
            name = {"-": "minus"}.get(key, key)
            character = {"enter": "\r", "tab": "\t"}.get(key, key)
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
