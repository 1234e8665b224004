"""The sealed container: what goes in comes out, and whoever changes a byte gets nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from killswitch_console.vault import sealing
from killswitch_console.vault.credential import Credential, CredentialError, CredentialKind, bundled, unbundled, wipe
from killswitch_console.vault.sealed_file import SealedFile
from killswitch_console.vault.sealing import NotSealed, SealError, WrongPassphrase, header_of, seal, unseal
from killswitch_console.vault.vault import VaultEmpty, VaultError, VaultLocked, VaultState
from killswitch_console.vault.vaults import NoVaultOpened, open_first

PASSPHRASE = b"ocelot-granite-violin-seven-harbor"
CONTENT = b'{"v": 1, "credentials": []}'


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key derivation that costs little: its strength is not what these tests are about."""
    monkeypatch.setattr(sealing.Header, "__init__", _header(sealing.Header.__init__))


def _header(real: object) -> object:
    def make(self: object, sealed_at: object, salt: bytes, nonce: bytes, **rest: int) -> None:
        real(self, sealed_at, salt, nonce, **{"memory_kib": 8 * 1024, "passes": 1, "lanes": 1, **rest})  # type: ignore[operator]

    return make


CONTAINER = seal(CONTENT, PASSPHRASE)
"""Sealed at full strength, once."""


def test_full_strength_is_what_is_used() -> None:
    header = header_of(CONTAINER)
    assert (header.memory_kib, header.passes, header.lanes) == (64 * 1024, 3, 4)
    assert unseal(CONTAINER, PASSPHRASE) == CONTENT
    assert CONTENT not in CONTAINER


@settings(max_examples=20, deadline=None)
@given(st.binary(max_size=200), st.binary(min_size=1, max_size=40), st.binary(min_size=1, max_size=40))
def test_only_the_passphrase_opens_it(content: bytes, passphrase: bytes, other: bytes) -> None:
    container = seal(content, passphrase)
    assert unseal(container, passphrase) == content
    if other != passphrase:
        with pytest.raises(WrongPassphrase):
            unseal(container, other)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_changed_byte_is_noticed(data: st.DataObject) -> None:
    container = seal(CONTENT, PASSPHRASE)
    at = data.draw(st.integers(0, len(container) - 2))
    byte = data.draw(st.integers(0, 255).filter(lambda b: b != container[at]))
    changed = container[:at] + bytes([byte]) + container[at + 1 :]
    try:
        opened = unseal(changed, PASSPHRASE)
    except SealError:
        return
    assert opened == CONTENT, "it opened, and held something else"
    assert changed.split() == container.split(), "it opened although more than spaces was changed"


@pytest.mark.parametrize(("key", "value"), [("memory_kib", 1 << 30), ("passes", 10**9), ("lanes", True), ("salt", "!")])
def test_a_strangers_header_cannot_make_us_spend(key: str, value: object) -> None:
    head, _, body = seal(CONTENT, PASSPHRASE).partition(b"\n")
    document = json.loads(head) | {key: value}
    with pytest.raises(NotSealed):
        unseal(json.dumps(document).encode() + b"\n" + body, PASSPHRASE)


async def test_a_file_is_written_whole_for_its_owner_only(tmp_path: Path) -> None:
    vault = SealedFile("glass", tmp_path / "deep" / "glass.ksv")
    assert (await vault.probe()).state is VaultState.MISSING
    with pytest.raises(VaultEmpty):
        await vault.unseal(bytearray(PASSPHRASE))
    await vault.seal(bytearray(CONTENT), bytearray(PASSPHRASE))
    assert oct(vault.path.stat().st_mode & 0o777) == "0o600"
    assert (await vault.probe()).state is VaultState.SEALED
    with pytest.raises(VaultLocked):
        await vault.unseal(bytearray(b"x"))
    vault.path.chmod(0o644)
    await vault.seal(bytearray(CONTENT), bytearray(PASSPHRASE))
    assert oct(vault.path.stat().st_mode & 0o777) == "0o640", "others could read it"
    vault.path.write_bytes(b"torn")
    assert (await vault.probe()).state is VaultState.UNAVAILABLE
    with pytest.raises(VaultError, match="restore it from a copy"):
        await vault.unseal(bytearray(PASSPHRASE))


async def test_vaults_are_tried_in_order_and_each_failure_is_said(tmp_path: Path) -> None:
    first, second = SealedFile("first", tmp_path / "a"), SealedFile("second", tmp_path / "b")
    await second.seal(bundled([]), bytearray(PASSPHRASE))
    said: list[VaultError] = []
    vault, credentials = await open_first([first, second], bytearray(PASSPHRASE), said.append)
    assert (vault.name, credentials, [t.vault for t in said]) == ("second", (), ["first"])
    with pytest.raises(NoVaultOpened, match=r"vault first: .*; vault second: the passphrase"):
        await open_first([first, second], bytearray(b"wrong"), said.append)


def test_a_bundle_says_what_is_missing_and_never_what_is_there() -> None:
    fields = {"access_key_id": "AKIAXXXXXXXXXXXXXXXX", "secret_access_key": "very-secret"}
    with pytest.raises(CredentialError, match="role_arn is missing") as refusal:
        Credential(name="a", kind=CredentialKind.AWS_KEY, backends=("iam:p",), fields=fields)
    assert "very-secret" not in str(refusal.value)
    whole = Credential(name="a", kind=CredentialKind.AWS_KEY, backends=("iam:p",), fields={**fields, "role_arn": "r"})
    assert "very-secret" not in repr(whole)
    content = bundled([whole])
    assert unbundled(content) == (whole,)
    wipe(content)
    assert set(content) == {0}
    with pytest.raises(CredentialError):
        unbundled(content)
