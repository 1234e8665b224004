"""Signed checkpoints: form, keys, and that nothing but what was signed opens."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from killswitch_console.audit.notes import Checkpoint, NoteError, Signer, Verifier, read_checkpoint

SIGNER = Signer.of("example.com/log", bytes(range(32)))
NOTE = SIGNER.sign(Checkpoint("example.com/log", 7, b"\x11" * 32))


def test_reads_a_key_of_the_specification() -> None:
    # The vkey example of C2SP signed-note.
    key = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    assert str(Verifier.parse(key)) == key


def test_the_text_is_a_checkpoint_of_the_specification() -> None:
    origin, size, root, blank, signature, end = NOTE.split("\n")
    assert (origin, size, root) == ("example.com/log", "7", "ERERERERERERERERERERERERERERERERERERERERERE=")
    assert (blank, end) == ("", "")
    assert signature.startswith("\u2014 example.com/log ")
    assert SIGNER.verifier.open(NOTE) == read_checkpoint(NOTE) == Checkpoint("example.com/log", 7, b"\x11" * 32)


def test_another_key_does_not_open_it() -> None:
    with pytest.raises(NoteError, match="not signed by"):
        Signer.of("example.com/log", b"\x01" * 32).verifier.open(NOTE)


def test_a_key_whose_hash_does_not_match_is_none() -> None:
    name, _, key = str(SIGNER.verifier).split("+", 2)
    with pytest.raises(NoteError):
        Verifier.parse(f"{name}+00000000+{key}")


def test_a_signer_does_not_show_its_secret() -> None:
    assert bytes(range(32)).hex() not in repr(SIGNER).encode().hex()


@settings(deadline=None)
@given(st.integers(0, len(NOTE.encode()) - 1), st.integers(1, 255))
def test_no_changed_byte_opens(at: int, change: int) -> None:
    data = bytearray(NOTE.encode())
    data[at] ^= change
    try:
        opened = SIGNER.verifier.open(data.decode())
    except (NoteError, UnicodeDecodeError):
        return
    assert opened == read_checkpoint(NOTE)  # base64 has spare bits: the same bytes, written otherwise
