"""The vaults of a configuration, in its order: tried one after the other, each failure said, none silently skipped."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from killswitch_console.vault.credential import Credential, CredentialError, unbundled, wipe
from killswitch_console.vault.vault import Vault, VaultError


class NoVaultOpened(Exception):
    """None of the vaults gave its content; says why, vault by vault."""


async def open_first(
    vaults: Sequence[Vault], passphrase: bytearray, say: Callable[[VaultError], None]
) -> tuple[Vault, tuple[Credential, ...]]:
    """The first vault that opens, and what it holds.

    Args:
        vaults: in the configuration's order.
        passphrase: wiped by the caller.
        say: told of each vault that did not open.

    Raises:
        NoVaultOpened: when none did.
    """
    troubles: list[VaultError] = []
    for vault in vaults:
        try:
            return vault, await opened(vault, passphrase)
        except VaultError as trouble:
            troubles.append(trouble)
            say(trouble)
    why = "; ".join(map(str, troubles)) or "no [[vault]] is configured"
    raise NoVaultOpened(f"no break-glass credentials could be had: {why}")


async def opened(vault: Vault, passphrase: bytearray) -> tuple[Credential, ...]:
    """What one vault holds. Raises ``VaultError``."""
    content = await vault.unseal(passphrase)
    try:
        return unbundled(content)
    except CredentialError as error:
        raise VaultError(vault.name, str(error), todo="enrol anew") from None
    finally:
        wipe(content)
