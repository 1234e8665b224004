"""What AWS accepts as a tag, for IAM and Lambda alike: 50 of them, short, and of few kinds of characters.

Source: https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html (naming limits).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

LIMIT = 50
_KEY_LENGTH, _VALUE_LENGTH = 128, 256
_PUNCTUATION = frozenset("_.:/=+-@")
_PATTERN = r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*"


def complaint(tags: Mapping[str, str], *, present: Mapping[str, str]) -> str | None:
    """Why these tags cannot be added to those present; None when they can."""
    for key, value in tags.items():
        if not key or len(key) > _KEY_LENGTH or not _allowed(key):
            return f"Value {key!r} at 'tags.member.key' failed to satisfy constraint: {_PATTERN}"
        if key.lower().startswith("aws:"):
            return "aws: prefixed tag key names are not allowed for external use."
        if len(value) > _VALUE_LENGTH or not _allowed(value):
            return f"Value {value!r} at 'tags.member.value' failed to satisfy constraint: {_PATTERN}"
    if len(present.keys() | tags.keys()) > LIMIT:
        return f"The number of tags has reached the maximum limit ({LIMIT})."
    return None


def _allowed(text: str) -> bool:
    return all((c.isalnum() and c.isascii()) or c in _PUNCTUATION or unicodedata.category(c)[0] in "LZN" for c in text)
