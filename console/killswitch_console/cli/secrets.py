"""Asking a person for a secret: never on the command line, never echoed, never kept longer than needed."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path

from killswitch_console.cli.asking import can_ask
from killswitch_console.cli.failures import UsageError


def passphrase(given: str | None, prompt: str = "Passphrase of the vault: ") -> bytearray:
    """A passphrase, from the file that was given or from the terminal. The caller wipes it.

    Raises:
        UsageError: when there is nobody to ask, or nothing was given.
    """
    secret = _from_file(given) if given is not None else _asked(prompt)
    if not secret:
        raise UsageError("the passphrase is empty; nothing was done")
    return secret


def _from_file(name: str) -> bytearray:
    try:
        content = sys.stdin.buffer.readline() if name == "-" else Path(name).expanduser().read_bytes()
    except OSError as error:
        raise UsageError(f"{name}: cannot be read: {error.strerror or error}") from None
    return bytearray(content.split(b"\n")[0].rstrip(b"\r"))


def _asked(prompt: str) -> bytearray:
    if not can_ask():
        raise UsageError("there is no terminal to ask for the passphrase: give --passphrase-file")
    return bytearray(getpass.getpass(prompt, stream=sys.stderr).encode())
