"""The sealed container: a passphrase and Argon2id make a key, ChaCha20-Poly1305 seals and authenticates. Pure bytes.

Its header is readable and authenticated: what was used, when it was sealed, never what is inside. The same container
goes into a file and into a keyring, so that a keyring that lies or leaks (any process of the same account can read an
unlocked collection, trust.md 1.1) yields nothing.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from killswitch_backends.outside import parsed

FORMAT = "killswitch-console sealed bundle 1"
MEMORY_KIB, PASSES, LANES = 64 * 1024, 3, 4
"""Argon2id: 0.21 to 0.25 s on a small bastion (trust.md 1.2), and RFC 9106's second recommended choice."""
_MOST_MEMORY_KIB, _MOST_PASSES, _MOST_LANES = 1024 * 1024, 16, 16
"""A header from a stranger must not make us spend more than this."""
LEAST_PASSPHRASE = 14
"""Characters: passphrases are made by a machine or by dice, not thought up."""


class SealError(Exception):
    """A container cannot be opened."""


class WrongPassphrase(SealError):
    """The passphrase does not open it, or it was tampered with: the two cannot be told apart."""


class NotSealed(SealError):
    """These bytes are no container of ours."""


@dataclass(frozen=True, slots=True)
class Header:
    """What may be known of a container without its passphrase."""

    sealed_at: datetime
    salt: bytes
    nonce: bytes
    memory_kib: int = MEMORY_KIB
    passes: int = PASSES
    lanes: int = LANES

    def encoded(self) -> bytes:
        """One line of JSON: also the data that the seal authenticates."""
        document = {
            "format": FORMAT,
            "sealed_at": self.sealed_at.isoformat(timespec="seconds"),
            "kdf": "argon2id",
            "memory_kib": self.memory_kib,
            "passes": self.passes,
            "lanes": self.lanes,
            "salt": base64.b64encode(self.salt).decode(),
            "nonce": base64.b64encode(self.nonce).decode(),
        }
        return json.dumps(document).encode() + b"\n"


def seal(content: bytes | bytearray, passphrase: bytes | bytearray) -> bytes:
    """A container of ``content``. Takes a quarter of a second on purpose: call it in a thread."""
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

    header = Header(datetime.now(UTC), os.urandom(16), os.urandom(12))
    head = header.encoded()
    sealed = ChaCha20Poly1305(_key(passphrase, header)).encrypt(header.nonce, content, head)
    return head + base64.b64encode(sealed) + b"\n"


def unseal(container: bytes, passphrase: bytes | bytearray) -> bytearray:
    """What a container holds. Call it in a thread; wipe the result after use.

    Raises:
        NotSealed: when it is no container.
        WrongPassphrase: when the passphrase is wrong, or the container was changed.
    """
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

    header, head, sealed = _parts(container)
    try:
        return bytearray(ChaCha20Poly1305(_key(passphrase, header)).decrypt(header.nonce, sealed, head))
    except InvalidTag:
        raise WrongPassphrase("the passphrase does not open it (or it was tampered with)") from None


def header_of(container: bytes) -> Header:
    """What may be known of a container. Raises ``NotSealed``."""
    return _parts(container)[0]


def derived_password(passphrase: bytes | bytearray, label: str) -> str:
    """A strong password made from a passphrase, for a keyring collection whose own key derivation is weak.

    gnome-keyring hashes a few thousand times only (trust.md 1.1). The salt is fixed by the label: there is nowhere to
    keep a random one that could be read before the collection is unlocked.
    """
    salt = f"{FORMAT}/{label}".encode().ljust(16, b"\0")
    key = _argon2id(passphrase, salt, MEMORY_KIB, PASSES, LANES)
    return base64.urlsafe_b64encode(key).decode()


def _key(passphrase: bytes | bytearray, header: Header) -> bytes:
    return _argon2id(passphrase, header.salt, header.memory_kib, header.passes, header.lanes)


def _argon2id(passphrase: bytes | bytearray, salt: bytes, memory_kib: int, passes: int, lanes: int) -> bytes:
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    kdf = Argon2id(salt=salt, length=32, iterations=passes, lanes=lanes, memory_cost=memory_kib)
    key = kdf.derive(passphrase)  # type: ignore[arg-type]  # any buffer; a copy in bytes could not be wiped
    # the library's own copies lie where the next call of this thread puts its own: let them be of nothing
    least = Argon2id(salt=bytes(len(salt)), length=32, iterations=1, lanes=1, memory_cost=8)
    least.derive(bytes(len(passphrase)))
    return key


def _parts(container: bytes) -> tuple[Header, bytes, bytes]:
    head, newline, body = container.partition(b"\n")
    try:
        document = parsed(head)
        if not newline or document["format"] != FORMAT or document["kdf"] != "argon2id":
            raise NotSealed("it is not a sealed bundle of this version")
        header = Header(
            sealed_at=datetime.fromisoformat(document["sealed_at"]),
            salt=base64.b64decode(document["salt"], validate=True),
            nonce=base64.b64decode(document["nonce"], validate=True),
            memory_kib=_bounded(document["memory_kib"], 8 * 1024, _MOST_MEMORY_KIB),
            passes=_bounded(document["passes"], 1, _MOST_PASSES),
            lanes=_bounded(document["lanes"], 1, _MOST_LANES),
        )
        return header, head + newline, base64.b64decode(body.strip(), validate=True)
    except NotSealed:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, binascii.Error):
        raise NotSealed("it is not a sealed bundle") from None


def _bounded(value: Any, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise NotSealed("its key derivation is out of bounds")
    return value
