"""What may be known of break-glass credentials while they stay sealed: ages, tests, uses, rotation. No secret is here.

One small file in the state directory, written whole. It is a reminder, not a proof: the audit trail is.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from killswitch_console import private
from killswitch_console.vault.credential import CredentialKind

DIGEST = "digest"
"""The fact that tells one secret from another without telling anything of it."""

AMBER_DAYS, RED_DAYS = 80, 90
"""Emergency access is to be validated at least every 90 days (trust.md 1.4)."""


class Light(StrEnum):
    """How urgent something is."""

    GREEN = "green"
    AMBER = "amber"
    RED = "red"


class RegisterError(Exception):
    """The register cannot be read or written; says which file and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One enrolled credential, as far as it may be known."""

    name: str
    kind: CredentialKind
    backends: tuple[str, ...]
    vaults: tuple[str, ...]
    enrolled_at: datetime
    """When this secret was enrolled: rotating it enrols it anew."""
    expires_at: datetime | None = None
    tested_at: datetime | None = None
    test_passed: bool | None = None
    used_at: datetime | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    """Whose it is and where it leads (``independence.facts_of``); no secret."""
    identities: Mapping[str, str] = field(default_factory=dict)
    """Whom each table took us for when it was last tested."""

    def same_secret(self, other: Entry) -> bool:
        """Whether two entries stand for one secret, as far as their digests tell."""
        return bool(self.facts.get(DIGEST)) and self.facts.get(DIGEST) == other.facts.get(DIGEST)

    @property
    def rotation_due(self) -> datetime:
        """When it is to be replaced: at once after a use, else by its age, and before it expires."""
        due = self.enrolled_at + timedelta(days=RED_DAYS)
        if self.used_at is not None:
            due = min(due, self.used_at)
        return min(due, self.expires_at) if self.expires_at else due

    def health(self, now: datetime) -> tuple[Light, str]:
        """How it is, and why."""
        if self.expires_at is not None and now >= self.expires_at:
            return Light.RED, "it has expired"
        if self.used_at is not None:
            return Light.RED, f"it was used on {self.used_at:%Y-%m-%d}: rotate it"
        if self.test_passed is False:
            return Light.RED, "its last test failed"
        age = (now - self.enrolled_at).days
        if age >= RED_DAYS:
            return Light.RED, f"it is {age} days old: rotate it"
        if self.expires_at is not None and (self.expires_at - now).days < RED_DAYS - AMBER_DAYS:
            return Light.AMBER, f"it expires in {(self.expires_at - now).days} days"
        if age >= AMBER_DAYS:
            return Light.AMBER, f"it is {age} days old"
        if self.tested_at is None or (now - self.tested_at).days >= RED_DAYS:
            return Light.AMBER, "it was never tested" if self.tested_at is None else "its last test is over 90 days old"
        return Light.GREEN, ""


def _without(names: tuple[str, ...], gone: Collection[str]) -> tuple[str, ...]:
    return tuple(name for name in names if name not in gone)


_ENTRIES = TypeAdapter(tuple[Entry, ...])


@dataclass(frozen=True, slots=True)
class Register:
    """The file."""

    path: Path

    def entries(self) -> tuple[Entry, ...]:
        """Everything enrolled, by name. Raises ``RegisterError``."""
        try:
            private.check_plain(self.path)
            text = self.path.read_bytes()
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise RegisterError(f"{self.path}: {error.strerror or error}") from error
        try:
            return _ENTRIES.validate_json(text)
        except ValidationError:
            raise RegisterError(f"{self.path}: is not a register of break-glass credentials") from None

    def put(self, entry: Entry) -> None:
        """Enter a credential, in place of the one of its name. Raises ``RegisterError``."""
        self._write([*(e for e in self.entries() if e.name != entry.name), entry])

    def enrol(self, entry: Entry) -> None:
        """Enter a credential; the same secret in one vault more is no rotation, and keeps its age.

        Raises:
            RegisterError: when it cannot be kept.
        """
        known = next((e for e in self.entries() if e.name == entry.name), None)
        if known is not None and known.same_secret(entry):
            vaults = tuple(dict.fromkeys((*known.vaults, *entry.vaults)))
            entry = replace(known, vaults=vaults, backends=entry.backends, expires_at=entry.expires_at)
        self.put(entry)

    def withdraw(self, name: str, vaults: Collection[str]) -> None:
        """Note that some vaults hold a credential no more; struck out once none does. Raises ``RegisterError``."""
        left = [e if e.name != name else replace(e, vaults=_without(e.vaults, vaults)) for e in self.entries()]
        self._write([e for e in left if e.name != name or e.vaults])

    def used(self, names: Iterable[str], at: datetime) -> None:
        """Note that some were used. Raises ``RegisterError``."""
        chosen = set(names)
        self._write([replace(e, used_at=at) if e.name in chosen else e for e in self.entries()])

    def tested(self, name: str, at: datetime, *, passed: bool, identities: Mapping[str, str] | None = None) -> None:
        """Note how a test went, and whom the platforms took us for. Raises ``RegisterError``."""
        self._write(
            [
                replace(e, tested_at=at, test_passed=passed, identities=dict(identities or {})) if e.name == name else e
                for e in self.entries()
            ]
        )

    def _write(self, entries: list[Entry]) -> None:
        content = _ENTRIES.dump_json(tuple(sorted(entries, key=lambda e: e.name)), indent=1)
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(self.path)
        except OSError as error:
            raise RegisterError(f"{self.path}: {error.strerror or error}") from error
