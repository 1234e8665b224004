"""Reads one secret from the OS keyring, in a process of its own that can be killed (trust.md 1.1).

Reads the secret's name from stdin, writes the secret to stdout, or one line to stderr and exits 1. Instantiates the
Secret Service backend itself: keyring's own choice can be steered by files and variables into running other code.
"""

from __future__ import annotations

import sys

from killswitch_console.vault.references import SERVICE


def main() -> int:
    """Answer one question."""
    from keyring.backends.SecretService import Keyring
    from keyring.errors import InitError, KeyringError, KeyringLocked

    name = sys.stdin.read()
    try:
        value = Keyring().get_password(SERVICE, name)  # type: ignore[no-untyped-call]
    except KeyringLocked:
        return _complain("the keyring is locked: unlock it, or use file:PATH")
    except (InitError, KeyringError, RuntimeError) as error:
        return _complain(f"no usable keyring: {error}")
    if value is None:
        return _complain(f"the keyring holds nothing under service {SERVICE!r}, name {name!r}")
    sys.stdout.write(value)
    return 0


def _complain(text: str) -> int:
    sys.stderr.write(text.replace("\n", " "))
    return 1


if __name__ == "__main__":
    sys.exit(main())
