"""What the engine does for the break-glass screen, in its own thread. Passphrases are wiped whatever comes of it.

Each is a job for ``ConsoleApp.ask``; leaving the screen does not end it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from killswitch_console.authority.invoker import Invoker
from killswitch_console.authority.opening import Opening
from killswitch_console.halting.engine import Engine
from killswitch_console.vault.credential import wipe
from killswitch_console.vault.register import Entry, RegisterError
from killswitch_console.vault.vault import Probe

Probes = tuple[tuple[str, str, Probe], ...]
"""Name and custodian of each vault, and what a look at it found."""

Job = Callable[[Engine], Awaitable[Opening]]


@dataclass(frozen=True, slots=True)
class Look:
    """How vaults and credentials are."""

    probes: Probes
    entries: tuple[Entry, ...]
    trouble: str = ""
    """Why the register could not be read."""


async def look(engine: Engine) -> Look:
    """Look at all vaults at once; a hung keyring takes its three seconds."""
    glass = engine.settings.glass
    found = await asyncio.gather(*(vault.probe() for vault in glass.vaults))
    probes = tuple((v.name, v.custodian, probe) for v, probe in zip(glass.vaults, found, strict=True))
    try:
        entries = () if glass.register is None else await asyncio.to_thread(glass.register.entries)
    except RegisterError as error:
        return Look(probes, (), str(error))
    return Look(probes, entries)


def unsealing(
    passphrase: bytearray,
    *,
    invoker: Invoker,
    reason: str,
    incident: str,
    second: bytearray | None,
    alone: str | None,
) -> Job:
    """Break the glass; see ``Glass.unseal``."""

    async def unseal(engine: Engine) -> Opening:
        try:
            return await engine.break_glass(
                passphrase, invoker=invoker, reason=reason, incident=incident, second=second, alone=alone
            )
        finally:
            wipe(passphrase)
            if second is not None:
                wipe(second)

    return unseal


def countersigning(second: bytearray) -> Job:
    """Have a second custodian stand behind glass that is open."""

    async def countersign(engine: Engine) -> Opening:
        try:
            return await engine.glass.countersign(second)
        finally:
            wipe(second)

    return countersign


def standing_alone(why: str) -> Job:
    """Say why one custodian goes on alone."""

    async def stand_alone(engine: Engine) -> Opening:
        return await engine.glass.stand_alone(why)

    return stand_alone


async def seal(engine: Engine) -> None:
    """Back to normal credentials at once."""
    await engine.glass.seal("somebody sealed it")
