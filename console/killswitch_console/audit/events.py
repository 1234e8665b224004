"""One event of the trail: what is known when it happens (``Draft``), and the bytes it becomes (``body_of``).

The bytes are frozen when they are written and are what every hash, proof and export is about. They hold the hash of
the event before (``prev``), so that the lines of an export alone show order and completeness.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from killswitch_console.audit.canonical import canonical

NO_PREVIOUS: Final = "0" * 64
"""What the first event of a trail names as the hash of the one before it."""

_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

Body = dict[str, Any]
"""An event as JSON: seq, prev, id, at, mono_ns, session, kind, actor, halt, incident, drill, late, data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An event that happened and is not in the trail yet. ``data`` is plain (see ``canonical.plain``)."""

    id: str
    at: str
    mono_ns: int
    session: str
    kind: str
    actor: str
    data: Mapping[str, Any]
    halt: str | None = None
    incident: str | None = None
    drill: bool = False
    late: bool = False
    """It waited outside the trail (spool, memory) and was put in later; an ``audit.gap`` before it says why."""

    def fields(self) -> Body:
        """It as JSON, without its place in the trail."""
        return {name: getattr(self, name) for name in _FIELDS}

    @classmethod
    def read(cls, text: bytes) -> Draft:
        """A draft from ``canonical(draft.fields())``. Raises ``ValueError`` or ``TypeError``."""
        return cls(**json.loads(text))


_FIELDS: Final = ("id", "at", "mono_ns", "session", "kind", "actor", "data", "halt", "incident", "drill", "late")


@dataclass(frozen=True, slots=True)
class Event:
    """An event as the trail holds it."""

    seq: int
    body: bytes

    @property
    def fields(self) -> Body:
        """The body as JSON. Raises ``ValueError`` where the bytes were changed into something else."""
        read: Body = json.loads(self.body)
        return read


def body_of(draft: Draft, seq: int, previous: str) -> bytes:
    """The event's bytes at its place: canonical JSON, with the hash of the event before."""
    return canonical(draft.fields() | {"seq": seq, "prev": previous})


def new_id(now_ms: int | None = None) -> str:
    """A ULID: sorts by time, unique without asking anybody."""
    number = ((time.time_ns() // 1_000_000 if now_ms is None else now_ms) << 80) | int.from_bytes(os.urandom(10))
    return "".join(_CROCKFORD[(number >> shift) & 31] for shift in range(125, -5, -5))


def moment_now() -> str:
    """Now as RFC 3339 in UTC, with microseconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
