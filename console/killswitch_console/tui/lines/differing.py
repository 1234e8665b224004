"""Where two lines differ, so that only those cells are painted: an SSH line is short of bytes."""

from __future__ import annotations

from collections.abc import Iterator

from rich.cells import cell_len

from killswitch_console.tui.lines.spans import Line, Tone

NEAR = 6
"""Equal cells between two differences that cost less than addressing the cursor anew."""

Cell = tuple[str, Tone]


def differing(before: Line, after: Line, width: int) -> list[tuple[int, int]]:
    """The parts of a row that must be painted to turn one line into another, as (column, cells)."""
    if before == after:
        return []
    old, new = _cells(before), _cells(after)
    if old is None or new is None:
        return [(0, width)]
    blank: Cell = (" ", Tone.PLAIN)
    length = max(len(old), len(new))
    old += [blank] * (length - len(old))
    new += [blank] * (length - len(new))
    return list(_joined([n for n in range(length) if old[n] != new[n]]))


def _joined(columns: list[int]) -> Iterator[tuple[int, int]]:
    """Runs of columns, those joined that stand near each other."""
    first = last = -1
    for column in columns:
        if first < 0:
            first = column
        elif column - last > NEAR:
            yield first, last - first + 1
            first = column
        last = column
    if first >= 0:
        yield first, last - first + 1


def _cells(line: Line) -> list[Cell] | None:
    """A line cell by cell; None where a character takes more than one, and nothing can be told by counting."""
    cells: list[Cell] = []
    for text, tone in line:
        if not text.isascii() and cell_len(text) != len(text):
            return None
        cells += [(character, tone) for character in text]
    return cells
