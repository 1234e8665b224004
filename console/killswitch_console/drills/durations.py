"""Durations as scenarios write them: ``45s``, ``1m30s``, ``2h``; never negative."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import BeforeValidator, WithJsonSchema

_FORM: Final = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?")

PATTERN: Final = r"^(?=.)(\d+h)?(\d+m)?(\d+(\.\d+)?s)?$"


def seconds_of(text: object) -> float:
    """Seconds of a duration.

    Raises:
        ValueError: saying what a duration looks like.
    """
    if isinstance(text, float | int) and not isinstance(text, bool):
        raise ValueError(f"a duration is a text with units, such as '90s' or '1m30s', not {text}")  # noqa: TRY004  (pydantic takes it as the field's error)
    if not isinstance(text, str):
        raise ValueError("expected a duration such as '90s' or '1m30s'")  # noqa: TRY004
    if text.startswith("-"):
        raise ValueError(f"{text!r} is negative; nothing happens before the drill begins")
    found = _FORM.fullmatch(text)
    if not text or found is None:
        raise ValueError(f"{text[:40]!r} is not a duration; expected such as '90s' or '1m30s'")
    hours, minutes, seconds = found.groups()
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(seconds or 0)


Duration = Annotated[
    float,
    BeforeValidator(seconds_of),
    WithJsonSchema({"type": "string", "pattern": PATTERN, "examples": ["45s", "1m30s"]}),
]
"""Seconds, written as a text with units."""


def clock_text(seconds: float) -> str:
    """Drill time as people read it: ``02:05``, ``1:02:05``."""
    whole = int(seconds)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60:02}:{rest % 60:02}"
