"""Break-glass: can the vaults be opened, are the credentials fresh, do they hang on nothing that may be down too."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime

from killswitch_backends.checking import Finding, Standing
from killswitch_backends.emergency import EmergencyKind
from killswitch_console.assembling import register_of, vaults_of
from killswitch_console.checking.concern import Concern, Inquiry
from killswitch_console.config import Configuration
from killswitch_console.vault.register import Entry, Light, RegisterError
from killswitch_console.vault.vault import Vault, VaultState

_STANDING = {Light.GREEN: Standing.OK, Light.AMBER: Standing.WARNING, Light.RED: Standing.PROBLEM}


async def glass(inquiry: Inquiry) -> tuple[Finding, ...]:
    """The findings on vaults and credentials. Asks for no passphrase."""
    settled, now = inquiry.settled, inquiry.now
    vaults = vaults_of(settled)
    if not vaults:
        what = "no vault is configured: with login down there is no other way in"
        return (Finding("vault", Standing.WARNING, what, "[[vault]], then breakglass enrol"),)
    probed = await asyncio.gather(*(_vault(vault) for vault in vaults))
    try:
        entries = await asyncio.to_thread(register_of(settled).entries)
    except RegisterError as error:
        return (*probed, Finding("vault", Standing.PROBLEM, str(error)))
    return (*probed, *_credentials(settled, entries, now), *_uncovered(settled, entries), *_custodians(settled))


async def _vault(vault: Vault) -> Finding:
    probe = await vault.probe()
    detail = f" ({probe.detail})" if probe.detail else ""
    good = probe.state is VaultState.SEALED and not probe.detail
    bad = probe.state in (VaultState.UNAVAILABLE, VaultState.MISSING)
    standing = Standing.OK if good else Standing.PROBLEM if bad else Standing.WARNING
    return Finding(f"vault {vault.name}", standing, f"{probe.state}{detail}", probe.todo)


def _credentials(settled: Configuration, entries: tuple[Entry, ...], now: datetime) -> Iterator[Finding]:
    for entry in entries:
        light, why = entry.health(now)
        opens = ", ".join(entry.backends)
        yield Finding(f"credential {entry.name}", _STANDING[light], why or f"is fresh and tested; opens {opens}")
    lone = sorted(entry.name for entry in entries if len(entry.vaults) < 2 <= len(settled.document.vault))
    if lone:
        yield Finding("vault", Standing.WARNING, f"in one vault only: {', '.join(lone)}", "enrol it in all of them")


def _uncovered(settled: Configuration, entries: tuple[Entry, ...]) -> Iterator[Finding]:
    opened = {backend for entry in entries for backend in entry.backends}
    for table in settled.backends:
        name = f"{table.kind.kind}:{table.name}"
        if name not in opened and isinstance(table.kind, EmergencyKind):
            yield Finding(name, Standing.WARNING, "no break-glass credential opens it", "breakglass enrol")


def _custodians(settled: Configuration) -> Iterator[Finding]:
    wanted = settled.document.breakglass.two_custodians
    if wanted:
        yield Finding("vault", Standing.OK, f"two custodians stand behind break-glass for {', '.join(wanted)}")
    elif settled.document.vault:
        what = "one custodian alone can use break-glass for every scope"
        yield Finding("vault", Standing.OK, what, "[breakglass] two_custodians, and [[vault]] tables of each")


CONCERN = Concern(name="break-glass", order=40, look=glass)
