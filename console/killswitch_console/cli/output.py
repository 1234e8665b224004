"""Plain text and JSON on stdout. Everything that came from a platform is cleaned on its way out."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from contextvars import ContextVar

from killswitch_console.hostile import clean

_LINEAR: ContextVar[bool] = ContextVar("linear", default=False)
"""Whether this run speaks in lines (``--plain``): read aloud, columns are noise."""


def speak_linearly() -> None:
    """From here on, in this run: ``name: value`` lines instead of columns."""
    _LINEAR.set(True)


def linear() -> bool:
    """Whether output is to be lines that make sense one after another."""
    return _LINEAR.get()


def print_json(document: object) -> None:
    """One JSON document; ASCII only, so that no hostile text is alive in it."""
    json.dump(document, sys.stdout, indent=2, default=str)
    sys.stdout.write("\n")


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Aligned columns, no colour, no markup; with ``--plain`` a line for each cell that says something."""
    if linear():
        _print_lines(headings, rows)
        return
    cells = [tuple(headings), *(tuple(clean(cell) for cell in row) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headings))]
    for row in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def print_facts(facts: Iterable[tuple[str, str]]) -> None:
    """``name: value`` lines."""
    for name, value in facts:
        print(f"{name}: {clean(value, most=1000)}")


def _print_lines(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    number = -1
    for number, row in enumerate(rows):
        if number:
            print()
        for heading, cell in zip(headings, row, strict=True):
            if cell:
                print(f"{heading.lower()}: {' '.join(clean(cell, most=1000).split())}")
    if number < 0:
        print(f"{headings[0].lower()}: none")
