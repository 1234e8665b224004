"""What ``breakglass`` does: enrolling, listing, testing and removing sealed credentials. Fails closed, is recorded."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from killswitch_backends.outside import parsed_exactly
from killswitch_console.assembling import glass_settings, register_of, vaults_of
from killswitch_console.audit.assembling import new_session, trail_recorder
from killswitch_console.authority.glass_test import GlassTest, tried
from killswitch_console.cli.asking import can_ask
from killswitch_console.cli.failures import UsageError
from killswitch_console.cli.main import DONE, UNPROVEN
from killswitch_console.cli.output import print_json, print_table
from killswitch_console.cli.secrets import passphrase
from killswitch_console.cli.session import configuration, warn
from killswitch_console.config import Configuration
from killswitch_console.halting.recording import Recorder
from killswitch_console.hostile import clean
from killswitch_console.vault.credential import FIELDS, Credential, CredentialKind, bundled, wipe
from killswitch_console.vault.independence import expiry_of, facts_of
from killswitch_console.vault.memory import harden
from killswitch_console.vault.register import Entry, Light
from killswitch_console.vault.sealing import LEAST_PASSPHRASE
from killswitch_console.vault.vault import Vault, VaultState
from killswitch_console.vault.vaults import open_first, opened


async def enrol(options: argparse.Namespace) -> int:
    """Seal a credential in the vaults."""
    settled, now = configuration(options), datetime.now(UTC)
    vaults = _chosen(settled, options.vault)
    _check_tables(settled, options.backends)
    harden()
    kind = CredentialKind(options.kind)
    fields = _fields(kind, options.source)
    credential = Credential(name=options.name, kind=kind, backends=tuple(options.backends), fields=fields)
    facts = facts_of(credential)
    _date(options.expires)
    async with _recorder(settled) as recorder:
        particulars = {"name": credential.name, "kind": str(kind), "backends": list(credential.backends)}
        await recorder.require("glass.enrolled", {**particulars, "vaults": [vault.name for vault in vaults]})
        entry = Entry(
            name=credential.name,
            kind=kind,
            backends=credential.backends,
            vaults=(),
            enrolled_at=now,
            expires_at=_date(options.expires) or expiry_of(credential),
            facts=facts,
        )
        register = register_of(settled)
        changed = _changed(vaults, options.passphrase_file, lambda kept: [*_without(kept, options.name), credential])
        async with aclosing(changed):
            async for vault in changed:
                register.enrol(replace(entry, vaults=(vault.name,)))  # one by one: the next vault may not open
    warn(f"{credential.name} is sealed in {', '.join(vault.name for vault in vaults)}; now `breakglass test`")
    return DONE


async def remove(options: argparse.Namespace) -> int:
    """Take a credential out of the vaults."""
    settled = configuration(options)
    vaults = _chosen(settled, options.vault)
    register = register_of(settled)
    if options.name not in {entry.name for entry in register.entries()}:
        raise UsageError(f"no credential {options.name!r} is enrolled; `breakglass list` shows them")
    async with _recorder(settled) as recorder:
        await recorder.require("glass.removed", {"name": options.name, "vaults": [vault.name for vault in vaults]})
        changed = _changed(vaults, options.passphrase_file, lambda kept: _without(kept, options.name))
        async with aclosing(changed):
            async for vault in changed:
                register.withdraw(options.name, {vault.name})
    warn(f"{options.name} is out of {', '.join(vault.name for vault in vaults)}; it still works: revoke it as well")
    return DONE


async def show(options: argparse.Namespace) -> int:
    """What is enrolled and how it is; exit 4 where something is red."""
    settled, now = configuration(options), datetime.now(UTC)
    entries = register_of(settled).entries()
    probes = {vault.name: await vault.probe() for vault in vaults_of(settled)}
    if options.json:
        vaults = [{"name": name, "state": str(probe.state), "detail": probe.detail} for name, probe in probes.items()]
        print_json({"vaults": vaults, "credentials": [_document(entry, now) for entry in entries]})
    else:
        for name, probe in probes.items():
            print(f"vault {name}: {probe.state}" + (f" - {probe.detail} {probe.todo}" if probe.detail else ""))
        print_table(
            ("CREDENTIAL", "KIND", "OPENS", "AGE", "TESTED", "USED", "ROTATE BY", "STANDING"),
            [_row(entry, now) for entry in entries],
        )
    red = any(entry.health(now)[0] is Light.RED for entry in entries)
    return UNPROVEN if red or any(p.state is VaultState.UNAVAILABLE for p in probes.values()) else DONE


async def test(options: argparse.Namespace) -> int:
    """Try the credentials harmlessly; exit 4 where one fails."""
    settled = configuration(options)
    register, results = register_of(settled), list[GlassTest]()
    harden()
    secret = passphrase(options.passphrase_file)
    async with _recorder(settled) as recorder:
        try:
            vault, credentials = await open_first(vaults_of(settled), secret, lambda t: warn(str(t)))
        finally:
            wipe(secret)
        chosen = [c for c in credentials if options.name in (None, c.name)]
        if not chosen:
            raise UsageError(f"vault {vault.name} holds no credential {options.name!r}")
        for credential in chosen:
            result = await tried(glass_settings(settled), credential)
            results.append(result)
            register.tested(credential.name, datetime.now(UTC), passed=result.passed, identities=result.identities)
            await recorder.record("glass.tested", {"name": result.name, "passed": result.passed, "says": result.says})
    if options.json:
        print_json([{"name": r.name, "passed": r.passed, "says": r.says} for r in results])
    else:
        print_table(("CREDENTIAL", "TEST", "SAYS"), [(r.name, "ok" if r.passed else "FAILED", r.says) for r in results])
    return DONE if all(result.passed for result in results) else UNPROVEN


async def _changed(
    vaults: Sequence[Vault], given: str | None, change: Callable[[Sequence[Credential]], list[Credential]]
) -> AsyncGenerator[Vault]:
    """Unseal each vault, change what it holds, seal it again; each that is done.

    Each custodian gives one passphrase for all of theirs. Raises ``UsageError``, ``VaultError``: the rest is unchanged.
    """
    custodians = dict.fromkeys(vault.custodian for vault in vaults)
    if given is not None and len(custodians) > 1:
        raise UsageError("these vaults have several custodians: give --vault with each one's passphrase, or type them")
    for custodian in custodians:
        whose = f"{custodian}'s vaults" if custodian else "the vaults"
        secret = passphrase(given, f"Passphrase of {clean(whose)}: ")
        try:
            for vault in (vault for vault in vaults if vault.custodian == custodian):
                await _change_one(vault, secret, change)
                yield vault
        finally:
            wipe(secret)


async def _change_one(
    vault: Vault, secret: bytearray, change: Callable[[Sequence[Credential]], list[Credential]]
) -> None:
    missing = (await vault.probe()).state is VaultState.MISSING
    if missing:
        _check_new(vault, secret)
    kept = () if missing else await opened(vault, secret)
    content = bundled(change(kept))
    try:
        await vault.seal(content, secret)
    finally:
        wipe(content)


def _check_new(vault: Vault, secret: bytearray) -> None:
    """Refuse a passphrase that a machine would guess, when a vault is made. Raises ``UsageError``."""
    if len(secret) < LEAST_PASSPHRASE:
        least = f"{LEAST_PASSPHRASE} characters at least, made by a machine or by dice"
        raise UsageError(f"vault {vault.name} is new: its passphrase needs {least}")


def _without(kept: Sequence[Credential], name: str) -> list[Credential]:
    return [credential for credential in kept if credential.name != name]


def _chosen(settled: Configuration, name: str | None) -> tuple[Vault, ...]:
    vaults = tuple(vault for vault in vaults_of(settled) if name in (None, vault.name))
    if not vaults:
        raise UsageError("no [[vault]] is configured" if name is None else f"no [[vault]] is named {name!r}")
    return vaults


def _check_tables(settled: Configuration, backends: Sequence[str]) -> None:
    tables = [f"{table.kind.kind}:{table.name}" for table in settled.backends]
    for backend in backends:
        if backend not in tables:
            raise UsageError(f"--for {backend}: no such table (there are {', '.join(tables) or 'none'})")


def _fields(kind: CredentialKind, source: str | None) -> dict[str, str]:
    """A credential's fields: from a JSON document, or asked for one by one."""
    if source is None:
        return _asked(kind)
    try:
        text = sys.stdin.read() if source == "-" else Path(source).expanduser().read_text(encoding="utf-8")
        document = parsed_exactly(text)
        return {str(key): _value(str(value)) for key, value in document.items()}
    except OSError as error:
        raise UsageError(f"--from: {error.filename or source}: {error.strerror or error}") from None
    except (ValueError, AttributeError):
        raise UsageError(f"--from {source}: is not a JSON object of texts") from None


def _value(text: str) -> str:
    return Path(text[1:]).expanduser().read_text(encoding="utf-8") if text.startswith("@") else text


def _asked(kind: CredentialKind) -> dict[str, str]:
    if not can_ask():
        raise UsageError("there is no terminal to ask for the fields: give --from")
    needed, optional = FIELDS[kind]
    print("A value of @PATH is read from that file. Nothing is shown.", file=sys.stderr)
    given = {name: _value(getpass.getpass(f"{name}: ", stream=sys.stderr)) for name in needed}
    given |= {name: _value(getpass.getpass(f"{name} (may be empty): ", stream=sys.stderr)) for name in optional}
    return {name: value for name, value in given.items() if value}


def _date(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        raise UsageError(f"--expires {text}: expected YYYY-MM-DD") from None


def _recorder(settled: Configuration) -> AbstractAsyncContextManager[Recorder]:
    return trail_recorder(settled, new_session(settled), warn)


def _document(entry: Entry, now: datetime) -> dict[str, object]:
    light, why = entry.health(now)
    moments = {
        "enrolled_at": entry.enrolled_at,
        "expires_at": entry.expires_at,
        "tested_at": entry.tested_at,
        "used_at": entry.used_at,
        "rotate_by": entry.rotation_due,
    }
    return {
        "name": entry.name,
        "kind": str(entry.kind),
        "backends": list(entry.backends),
        "vaults": list(entry.vaults),
        **{key: moment and moment.isoformat() for key, moment in moments.items()},
        "test_passed": entry.test_passed,
        "light": str(light),
        "why": why,
    }


def _row(entry: Entry, now: datetime) -> tuple[str, ...]:
    light, why = entry.health(now)
    tested = "never" if entry.tested_at is None else f"{entry.tested_at:%Y-%m-%d}"
    return (
        entry.name,
        str(entry.kind),
        " ".join(entry.backends),
        f"{(now - entry.enrolled_at).days} d",
        tested,
        f"{entry.used_at:%Y-%m-%d}" if entry.used_at else "",
        f"{entry.rotation_due:%Y-%m-%d}",
        "" if light is Light.GREEN else f"{light.upper()}: {why}",
    )
