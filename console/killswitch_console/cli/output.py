"""Plain text and JSON on stdout. Everything that came from a platform is cleaned on its way out."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence

from killswitch_console.hostile import clean


def print_json(document: object) -> None:
    """One JSON document; ASCII only, so that no hostile text is alive in it."""
    json.dump(document, sys.stdout, indent=2, default=str)
    sys.stdout.write("\n")


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Aligned columns, no colour, no markup."""
    cells = [tuple(headings), *(tuple(clean(cell) for cell in row) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headings))]
    for row in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
