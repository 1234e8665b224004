"""Signed checkpoints: a C2SP tlog-checkpoint in a C2SP signed note with an Ed25519 signature.

Three lines of text (origin, size, root) and a signature line that any implementation of those two specifications can
check. ``cryptography`` is imported on first use: it costs 40 ms, and `--version` must not pay for it.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_ED25519: Final = b"\x01"
_DASH: Final = "\u2014"


class NoteError(Exception):
    """A note or key that does not read, or a signature that is not one by that key."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How long a trail is and what its root hash is."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @property
    def receipt(self) -> str:
        """Short enough to paste into a ticket: a witness that costs nothing."""
        return f"{self.size}@{self.root.hex()[:16]}"


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key and the name it signs as."""

    name: str
    public: bytes

    @property
    def key_id(self) -> bytes:
        """What a signature line names the key by."""
        return sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(_ED25519 + self.public).decode()}"

    @classmethod
    def parse(cls, text: str) -> Verifier:
        """A key as ``NAME+HASH+BASE64`` (C2SP signed-note). Raises ``NoteError``."""
        try:
            name, key_id, encoded = text.strip().split("+", 2)
            key = base64.b64decode(encoded, validate=True)
        except ValueError as error:
            raise NoteError("not a verifier key: expected NAME+HASH+KEY") from error
        found = cls(name, key[1:])
        if key[:1] != _ED25519 or len(key) != 33 or found.key_id.hex() != key_id:
            raise NoteError("not an Ed25519 verifier key, or its hash does not match")
        return found

    def _key(self) -> Ed25519PublicKey:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        return Ed25519PublicKey.from_public_bytes(self.public)

    def open(self, note: str) -> Checkpoint:
        """The checkpoint of a note that this key signed.

        Raises:
            NoteError: it does not read, or no signature on it is a good one by this key.
        """
        from cryptography.exceptions import InvalidSignature

        text, signatures = _split(note)
        for name, key_id, signature in signatures:
            if (name, key_id) != (self.name, self.key_id):
                continue
            try:
                self._key().verify(signature, text.encode())
            except InvalidSignature:
                raise NoteError("the signature is not good") from None
            return read_checkpoint(note)
        raise NoteError(f"it is not signed by {self.name}+{self.key_id.hex()}")


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key and the name it signs as. Its repr shows the public half only."""

    name: str
    _key: Ed25519PrivateKey

    def __repr__(self) -> str:
        return f"Signer({self.verifier})"

    @property
    def verifier(self) -> Verifier:
        """The public half."""
        return Verifier(self.name, self._key.public_key().public_bytes_raw())

    def sign(self, checkpoint: Checkpoint) -> str:
        """A signed note of a checkpoint."""
        text = checkpoint.text
        line = base64.b64encode(self.verifier.key_id + self._key.sign(text.encode())).decode()
        return f"{text}\n{_DASH} {self.name} {line}\n"

    @classmethod
    def of(cls, name: str, seed: bytes) -> Signer:
        """A signer from the 32 bytes of a private key. Raises ``NoteError``."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        if len(seed) != 32:
            raise NoteError("an Ed25519 private key has 32 bytes")
        return cls(name, Ed25519PrivateKey.from_private_bytes(seed))


def read_checkpoint(note: str) -> Checkpoint:
    """The checkpoint a note speaks of, whoever signed it. Raises ``NoteError``."""
    text, _ = _split(note)
    lines = text.split("\n")
    try:
        origin, size, root = lines[:3]
        checkpoint = Checkpoint(origin, int(size), base64.b64decode(root, validate=True))
    except ValueError as error:
        raise NoteError("not a checkpoint") from error
    if checkpoint.text != text or len(checkpoint.root) != 32 or checkpoint.size < 0:
        raise NoteError("not a checkpoint as this trail writes them")
    return checkpoint


def _split(note: str) -> tuple[str, list[tuple[str, bytes, bytes]]]:
    text, blank, rest = note.partition("\n\n")
    if not blank or not rest.endswith("\n"):
        raise NoteError("not a signed note")
    return text + "\n", [_signature(line) for line in rest[:-1].split("\n")]


def _signature(line: str) -> tuple[str, bytes, bytes]:
    try:
        dash, name, encoded = line.split(" ")
        data = base64.b64decode(encoded, validate=True)
    except (ValueError, binascii.Error) as error:
        raise NoteError("not a signature line") from error
    if dash != _DASH or not name or len(data) < 5:
        raise NoteError("not a signature line")
    return name, data[:4], data[4:]
