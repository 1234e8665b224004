"""What a person asks of the trail, in one line: ``since:7d by:alice scope:class:refund gateway timeout``.

Words with a colon narrow, everything else is looked for in the events' text. Pure; the command line and the audit
screen read times the same way.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from killswitch_console.audit.reading import Selection

FIELDS: Final = {
    "by": "actor",
    "incident": "incident",
    "scope": "scope",
    "halt": "halt",
    "session": "session",
    "kind": "kind",
    "since": "since",
    "until": "until",
}
"""Words before a colon, and what of a selection they set."""

_AGE: Final = re.compile(r"(\d+)([smhd])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_WORD: Final = re.compile(r'(?:([a-z]+):)?(?:"([^"]*)"|(\S+))')


class Unclear(ValueError):
    """A question that cannot be read; says why."""


def moment(text: str, now: datetime) -> str:
    """A time (RFC 3339) or an age (``90m``) as events have their times.

    Raises:
        Unclear: it is neither.
    """
    if age := _AGE.fullmatch(text):
        at = now - timedelta(**{_UNITS[age[2]]: int(age[1])})
    else:
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            raise Unclear(
                f"{text!r} is no time: give RFC 3339 (2027-01-31T08:00:00Z) or an age (90m, 24h, 7d)"
            ) from None
        at = at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def read_question(text: str, now: datetime) -> Selection:
    """A selection from a line. Quotes keep words with spaces together; the last one of a field counts.

    Raises:
        Unclear: a time that is none.
    """
    chosen: dict[str, str] = {}
    loose: list[str] = []
    for field, quoted, bare in _WORD.findall(text):
        value = quoted or bare
        if field in FIELDS and value:
            chosen[FIELDS[field]] = moment(value, now) if field in ("since", "until") else value
        else:
            loose.append(f"{field}:{value}" if field else value)
    if loose:
        chosen["text"] = " ".join(loose)
    return Selection(**chosen)


def worded(question: str, field: str, value: str) -> str:
    """A question with one field set to a value, or without it where it has that value already."""
    word = f'{field}:"{value}"' if " " in value else f"{field}:{value}"
    words = [found[0] for found in re.finditer(_WORD, question)]
    kept = [one for one in words if not one.startswith(f"{field}:")]
    return " ".join(kept if word in words else [*kept, word])
