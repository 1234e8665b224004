"""Text from platforms is hostile: what comes from outside passes here before it reaches a screen or a log.

One function, so that nobody has to remember which characters bite. It must not import Textual or Rich: the command
line, the trail and the app all use it. ``clean`` does not guard against markup or spreadsheet formulas; markup is
never interpreted on screens (toned spans, not markup strings), pages are written with ``escaped``, and tables quote
formulas themselves.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Final

MOST: Final = 200
"""Characters of a name or message that are shown at most, unless a caller has more room."""

_ELLIPSIS: Final = "…"

_HARMFUL: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Controls (escape sequences, newlines), formats (bidi, zero width, tags), surrogates, private, unassigned, breaks."""


def clean(text: str, *, most: int = MOST) -> str:
    r"""Make a text from outside fit for one line of a screen or a log.

    What could move the cursor, reorder, hide or break is written out (``\x1b``, ``\u202e``), so that an attempt stays
    visible; every kind of space becomes a plain one; what is longer than ``most`` characters ends in an ellipsis.
    Cleaning a cleaned text changes nothing.
    """
    if text.isascii() and text.isprintable() and len(text) <= most:
        return text
    return _clean(text[: most + 1], most)


def escaped(text: str, *, most: int = 4000) -> str:
    """A text from outside for a page of HTML or SVG: neither markup, nor alive in any other way."""
    from html import escape

    return escape(clean(text, most=most))


@lru_cache(maxsize=4096)
def _clean(text: str, most: int) -> str:
    shown = "".join(map(_shown, text))
    return shown if len(shown) <= most else shown[: max(0, most - 1)] + _ELLIPSIS[:most]


def _shown(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Zs":
        return " "
    if category not in _HARMFUL:
        return character
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
