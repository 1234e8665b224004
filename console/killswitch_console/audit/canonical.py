"""Canonical JSON (RFC 8785): one value, one sequence of bytes, so that a hash of it means something.

Only what the trail emits: strings, integers within +-2**53, booleans, null, lists, objects. ``plain`` turns everything
else into that, and makes hostile text inert on its way in, so that no later reader of the bytes meets a live escape.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Any, Final

from killswitch_console.hostile import clean

EXACT: Final = 2**53 - 1
"""Larger integers are not exact in every JSON reader (RFC 8785 section 3.2.2.3): they are written as text."""

MOST_TEXT: Final = 8192
"""Characters of one text; what is longer ends in an ellipsis."""


def canonical(value: Any) -> bytes:
    """The canonical bytes of a value made by ``plain``.

    The C encoder differs from RFC 8785 for plain values in one thing: it sorts keys by code point, not by UTF-16 unit.

    Raises:
        TypeError: for an object that is not plain.
    """
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    if not text.isascii() and max(text) > "\uffff":
        text = _encode(value)
    return text.encode()


def _encode(value: Any) -> str:
    match value:
        case None | bool() | str():
            return json.dumps(value, ensure_ascii=False)
        case int() if -EXACT <= value <= EXACT:
            return str(value)
        case list() | tuple():
            return f"[{','.join(map(_encode, value))}]"
        case dict():
            return "{" + ",".join(f"{_encode(k)}:{_encode(value[k])}" for k in sorted(value, key=_utf16)) + "}"
        case _:
            raise TypeError(f"not a plain value: {type(value).__name__}")


def _utf16(key: str) -> bytes:
    """RFC 8785 sorts by UTF-16 code units."""
    return key.encode("utf-16-be")


def plain(value: Any, *, scrub: Callable[[str], str] = str) -> Any:
    """A value as canonical JSON can hold it: enums and times as text, fractions as text, texts inert and scrubbed."""
    if type(value) is str:  # most values are texts, and the patterns below take six times as long
        return clean(scrub(value), most=MOST_TEXT)
    if isinstance(value, Mapping):
        return {clean(scrub(str(key)), most=MOST_TEXT): plain(item, scrub=scrub) for key, item in value.items()}
    if isinstance(value, Sequence | set | frozenset) and not isinstance(value, str | bytes):
        return [plain(item, scrub=scrub) for item in value]
    return _simple(value, scrub)


def _simple(value: Any, scrub: Callable[[str], str]) -> Any:
    match value:
        case None | bool():
            return value
        case Enum():
            return plain(value.value, scrub=scrub)
        case int():
            return int(value) if -EXACT <= value <= EXACT else str(value)
        case float():
            return int(value) if math.isfinite(value) and value.is_integer() and abs(value) <= EXACT else repr(value)
        case datetime():
            return value.isoformat()
        case bytes():
            return value.hex()
        case _:
            return clean(scrub(str(value)), most=MOST_TEXT)
