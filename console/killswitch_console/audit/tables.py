"""Events as lines of JSON and as a table for spreadsheets. Both stream; hostile text is inert in both."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from typing import Final, TextIO

from killswitch_console.audit.events import Event
from killswitch_console.audit.in_words import summary
from killswitch_console.audit.merkle import leaf_hash
from killswitch_console.hostile import clean

COLUMNS: Final = (
    "seq",
    "at",
    "kind",
    "actor",
    "session",
    "halt",
    "incident",
    "drill",
    "scope",
    "target",
    "state",
    "detail",
    "id",
    "hash",
)

_FORMULA: Final = (*"=+-@\t\r|%", *map(chr, (0xFF1D, 0xFF0B, 0xFF0D, 0xFF20, 0x2212)))
"""What a spreadsheet takes for the beginning of a formula; the wide ones in East Asian editions."""

_MOST: Final = 32_000
"""Characters of a cell: spreadsheets take 32,767."""


def write_jsonl(events: Iterable[Event], out: TextIO) -> int:
    """The exact bytes of each event on a line of its own; how many."""
    count = 0
    for event in events:
        out.write(event.body.decode())
        out.write("\n")
        count += 1
    return count


def write_csv(events: Iterable[Event], out: TextIO) -> int:
    """A table; cells that a spreadsheet would compute are kept from it. Returns how many events."""
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    count = 0
    for event in events:
        writer.writerow([inert(cell) for cell in _cells(event)])
        count += 1
    return count


def inert(text: str) -> str:
    """A cell that no spreadsheet takes for a formula, whatever stands in front of it, and no terminal obeys."""
    text = clean(text, most=_MOST)
    return f"'{text}" if text.lstrip(" '\"").startswith(_FORMULA) else text


def _cells(event: Event) -> list[str]:
    body = event.fields
    data = body["data"]
    plain = [body.get(name) for name in ("seq", "at", "kind", "actor", "session", "halt", "incident", "drill")]
    told = [data.get("scope"), data.get("target"), data.get("state") or data.get("verdict"), summary(body)]
    return ["" if cell is None else str(cell) for cell in (*plain, *told, body["id"], leaf_hash(event.body).hex())]
