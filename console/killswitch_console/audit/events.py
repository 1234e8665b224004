"""One event of the trail: what is known when it happens (``Draft``), and the bytes it becomes (``body_of``).

The bytes are frozen when they are written and are what every hash, proof and export is about. They hold the hash of
the event before (``prev``), so that the lines of an export alone show order and completeness.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from killswitch_backends.outside import parsed
from killswitch_console.audit.canonical import canonical, plain

NO_PREVIOUS: Final = "0" * 64
"""What the first event of a trail names as the hash of the one before it."""

_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

Body = dict[str, Any]
"""An event as JSON: seq, prev, id, at, mono_ns, session, kind, actor, halt, incident, drill, late, data."""


class Unreadable(ValueError):
    """Bytes that are no event as this product writes them: somebody changed them."""


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
        """A draft from ``canonical(draft.fields())``; what comes from the remote store may be anybody's.

        Raises:
            Unreadable: they are other bytes; one event that no trail can take would keep out all that follow it.
        """
        try:
            read = parsed(text)
        except ValueError:
            raise Unreadable("not the JSON of an event") from None
        if not _fits(read, _TYPES) or read.keys() != set(_FIELDS) or not _is_plain(read):
            raise Unreadable("not an event as this product writes them")
        return cls(**read)


_TEXT: Final = (str, type(None))
_TYPES: Final[Mapping[str, Any]] = {
    **dict.fromkeys(("id", "at", "session", "kind", "actor"), str),
    "halt": _TEXT,
    "incident": _TEXT,
    "data": dict,
    "drill": bool,
    "late": bool,
}
"""What an event's fields are, wherever it is kept."""


def _fits(read: Any, types: Mapping[str, Any]) -> bool:
    """Whether JSON is an object that has these fields, each of its type, and a time that is one."""
    if not isinstance(read, dict) or not all(isinstance(read.get(name, ...), kind) for name, kind in types.items()):
        return False
    try:
        return datetime.fromisoformat(read["at"]).tzinfo is not None
    except ValueError:
        return False


def _is_plain(read: Body) -> bool:
    """Whether it holds nothing that writing would have changed: live escapes, fractions. A clock is any number."""
    told = {name: value for name, value in read.items() if name != "mono_ns"}
    return type(read["mono_ns"]) is int and bool(plain(told) == told)


_FIELDS: Final = ("id", "at", "mono_ns", "session", "kind", "actor", "data", "halt", "incident", "drill", "late")


@dataclass(frozen=True, slots=True)
class Event:
    """An event as the trail holds it."""

    seq: int
    body: bytes

    @property
    def fields(self) -> Body:
        """The body as JSON. Raises ``Unreadable`` where the bytes were changed into something else."""
        try:
            read: Body = parsed(self.body)
        except ValueError:
            read = {}
        if not _fits(read, _PLACED):
            raise Unreadable(f"event {self.seq}: its bytes do not read, they were changed (`audit verify`)")
        return read


_PLACED: Final = {**_TYPES, "seq": int, "prev": str}


@contextmanager
def particulars() -> Iterator[None]:
    """Make something of what events tell: in a trail that was changed they may tell it in any shape.

    Raises:
        Unreadable: they do.
    """
    try:
        yield
    except Unreadable:
        raise
    except (AttributeError, KeyError, TypeError, ValueError, ArithmeticError) as error:
        what = f"an event's particulars are not as this product writes them ({type(error).__name__})"
        raise Unreadable(f"{what}: `audit verify` says what was changed") from error


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
