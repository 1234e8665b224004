"""Secret references of the configuration: ``keyring:NAME``, ``env:NAME``, ``file:PATH``. A literal is refused."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

from killswitch_backends.problems import Unauthenticated
from killswitch_console import private
from killswitch_console.vault.children import Silence, ask_child

KEYRING_SECONDS = 3.0
"""A hung or locked keyring may cost no more (trust.md 1.1: it can hang for ever)."""

SERVICE = "killswitch-console"
"""The service name under which secrets are kept in the keyring."""


async def resolve_secret(reference: str, environ: Mapping[str, str] = os.environ) -> str:
    """The secret that a reference names.

    Raises:
        Unauthenticated: when it cannot be had; the message names the reference, never a value.
    """
    scheme, colon, name = reference.partition(":")
    if not colon or not name:
        raise Unauthenticated(
            "configuration", "a secret must be a reference", todo="keyring:NAME, env:NAME or file:PATH"
        )
    if scheme == "env":
        return _from_environment(name, environ)
    if scheme == "file":
        return await asyncio.to_thread(_from_file, name)
    if scheme == "keyring":
        return await _from_keyring(name)
    raise Unauthenticated(
        "configuration", f"unknown kind of secret {scheme!r}", todo="keyring:NAME, env:NAME or file:PATH"
    )


def _from_environment(name: str, environ: Mapping[str, str]) -> str:
    if value := environ.get(name):
        return value
    raise Unauthenticated(f"env:{name}", "the variable is not set")


def _from_file(name: str) -> str:
    path = Path(name).expanduser()
    try:
        private.check_plain(path)
        value = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise Unauthenticated(f"file:{path}", f"cannot be read: {error.strerror or error}") from error
    if not value:
        raise Unauthenticated(f"file:{path}", "is empty")
    return value


async def _from_keyring(name: str) -> str:
    """Ask the OS keyring in a killable child with a clean environment; the secret comes back over a pipe."""
    try:
        value = await ask_child("killswitch_console.vault.keyring_child", name.encode(), seconds=KEYRING_SECONDS)
    except Silence as silence:
        if silence.timed_out:
            what = f"the keyring did not answer within {KEYRING_SECONDS:g} s"
            raise Unauthenticated(f"keyring:{name}", what, todo="unlock it, or use file:PATH") from None
        raise Unauthenticated(f"keyring:{name}", str(silence) or "the keyring refused") from None
    return value.decode()
