"""Who calls: access keys, the identities behind them, and temporary sessions with their ends."""

from __future__ import annotations

import random
import string
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from killswitch_backends.simulator.aws.iam.entities import Entity, Kind
from killswitch_backends.simulator.clock import Clock

_KEY_ALPHABET = string.ascii_uppercase + "234567"


@dataclass(frozen=True, slots=True)
class Session:
    """A temporary session of a role."""

    name: str
    token: str = field(repr=False)
    issued_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class AccessKey:
    """An access key of a user, or of a role's session."""

    key_id: str
    secret: str
    entity: Entity
    session: Session | None = None
    active: bool = True

    def __repr__(self) -> str:
        return f"AccessKey({self.key_id!r})"


@dataclass(frozen=True, slots=True)
class Caller:
    """The identity behind one call."""

    key: AccessKey

    @property
    def entity(self) -> Entity:
        return self.key.entity

    @property
    def arn(self) -> str:
        """The ARN as GetCallerIdentity tells it."""
        if self.key.session is None:
            return self.entity.arn
        account = self.entity.arn.split(":")[4]
        return f"arn:aws:sts::{account}:assumed-role/{self.entity.name}/{self.key.session.name}"

    @property
    def user_id(self) -> str:
        suffix = f":{self.key.session.name}" if self.key.session else ""
        return self.entity.identifier + suffix

    @property
    def issued_at(self) -> datetime | None:
        """When a session's credentials were issued (``aws:TokenIssueTime``); None for long-lived keys."""
        return self.key.session.issued_at if self.key.session else None


class KeyRing:
    """Every access key of the account, by its id."""

    def __init__(self, rng: random.Random, *, clock: Clock, sessions_per_identity: int) -> None:
        self._rng = rng
        self._clock = clock
        self._limit = sessions_per_identity
        self._keys: dict[str, AccessKey] = {}
        self._sessions: dict[str, list[str]] = {}

    def find(self, key_id: str) -> AccessKey | None:
        return self._keys.get(key_id)

    def of(self, entity: Entity) -> list[AccessKey]:
        """The long-lived keys of a user."""
        return [key for key in self._keys.values() if key.entity is entity and key.session is None]

    def put(self, key: AccessKey) -> None:
        """Add a key, or replace the one of the same id."""
        self._keys[key.key_id] = key

    def discard(self, key_id: str) -> None:
        self._keys.pop(key_id, None)

    def discard_of(self, entity: Entity) -> None:
        """Forget every key and session of an identity that was deleted."""
        for key_id in [key_id for key_id, key in self._keys.items() if key.entity is entity]:
            del self._keys[key_id]

    def create(self, entity: Entity) -> AccessKey:
        """Make a long-lived key for a user."""
        if entity.kind is not Kind.USER:
            raise ValueError(f"{entity.arn} cannot have a long-lived access key")
        key = AccessKey(self._draw("AKIA", 16), self._secret(), entity)
        self.put(key)
        return key

    def open_session(self, role: Entity, *, name: str, seconds: int) -> tuple[AccessKey, Session]:
        """Issue temporary credentials of a role; the oldest are forgotten beyond the limit per role."""
        issued = datetime.fromtimestamp(int(self._clock.now()), UTC)  # aws:TokenIssueTime has whole seconds
        session = Session(name, self._secret() + self._secret(), issued, issued + timedelta(seconds=seconds))
        key = AccessKey(self._draw("ASIA", 16), self._secret(), role, session)
        self.put(key)
        opened = self._sessions.setdefault(role.arn, [])
        opened.append(key.key_id)
        if len(opened) > self._limit:
            self.discard(opened.pop(0))
        return key, session

    def _draw(self, prefix: str, length: int) -> str:
        return prefix + "".join(self._rng.choices(_KEY_ALPHABET, k=length))

    def _secret(self) -> str:
        return "".join(self._rng.choices(string.ascii_letters + string.digits + "/+", k=40))
