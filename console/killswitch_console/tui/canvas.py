"""What the terminal shows, cell by cell, and the shortest bytes that make it show something else. Pure.

Textual sends whatever a widget calls dirty, each piece of text with all of its colours. An SSH line is short of bytes:
here every cell is compared with what the terminal has, and pens and cursor move as little as they can. Whoever owns
a canvas says when nothing is known of the terminal any more (``forget``), and paints everything then.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from rich.cells import cell_len, split_graphemes
from rich.color import ColorSystem
from rich.segment import Segment

from killswitch_console.tui.pens import PLAIN, Pen, change, pen_of

_UNKNOWN: Final = Pen("", "", frozenset())
"""Draws no cell: nobody knows what the terminal shows there."""

_NEAR: Final = 3
"""So many equal cells are sent again where that is no longer than moving the cursor over them."""


_NOWHERE: Final = (-1, -1)
"""Where the cursor is when nobody can tell."""


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Neighbouring cells of a row to be sent with one pen."""

    y: int
    x: int
    end: int
    pen: Pen


class Canvas:
    """The cells of a terminal."""

    def __init__(self, colours: ColorSystem = ColorSystem.TRUECOLOR) -> None:
        self.colours = colours
        self._size = (0, 0)
        self._texts: list[list[str]] = []
        """What stands in each cell; nothing in the right half of a wide character."""
        self._pens: list[list[Pen]] = []
        self._before: dict[int, tuple[list[str], list[Pen]]] = {}
        """Texts and pens of rows that were put since the last frame, as they were in that."""

    def resize(self, width: int, height: int) -> None:
        """The terminal has another size, or still this one; of another nothing is known."""
        if (width, height) != self._size:
            self._size = (width, height)
            self.forget()

    def forget(self) -> None:
        """Whatever the terminal shows, it is not what was sent."""
        width, height = self._size
        self._texts = [[" "] * width for _ in range(height)]
        self._pens = [[_UNKNOWN] * width for _ in range(height)]
        self._before = {}

    def put(self, y: int, x: int, segments: Iterable[Segment]) -> None:
        """Have some text stand in a row from a column on; what lies outside of the terminal is cut off."""
        width, height = self._size
        if not 0 <= y < height:
            return
        texts, pens = self._cells(segments)
        del texts[max(0, width - x) :], pens[max(0, width - x) :]
        end = x + len(texts)
        if texts != self._texts[y][x:end] or pens != self._pens[y][x:end]:
            self._before.setdefault(y, (self._texts[y].copy(), self._pens[y].copy()))
            self._texts[y][x:end], self._pens[y][x:end] = texts, pens

    def frame(self) -> str:
        """What to send so that the terminal shows what was put; empty if it does already.

        It begins and ends with a plain pen; the cursor is left anywhere.
        """
        row_by_row = [stretch for y in sorted(self._before) for stretch in self._changed(y)]
        self._before = {}
        if not row_by_row:
            return ""
        pen_by_pen = sorted(row_by_row, key=lambda stretch: id(stretch.pen))
        return min(self._sequence(row_by_row), self._sequence(pen_by_pen), key=len)

    def _changed(self, y: int) -> Iterable[_Stretch]:
        """What of a row is not as it was before this frame."""
        now, then = zip(self._texts[y], self._pens[y], strict=True), zip(*self._before[y], strict=True)
        columns = [
            x
            for x, ((text, drawn), (text_then, drawn_then)) in enumerate(zip(now, then, strict=True))
            if (text != text_then or drawn is not drawn_then)
            and not (text == text_then == " " and drawn.blank is drawn_then.blank)
        ]
        for start, end in self._runs(y, columns):
            yield from self._stretches(y, start, end)

    def _cells(self, segments: Iterable[Segment]) -> tuple[list[str], list[Pen]]:
        texts: list[str] = []
        pens: list[Pen] = []
        for text, style, _ in segments:
            drawn = pen_of(style, self.colours)
            if text.isascii() and text.isprintable():
                texts += text
            else:
                _append(texts, text)
            pens += [drawn] * (len(texts) - len(pens))
        return texts, pens

    def _runs(self, y: int, columns: list[int]) -> list[tuple[int, int]]:
        """Columns of a row as runs from, to; a wide character is never halved."""
        texts, pens = self._texts[y], self._pens[y]
        runs: list[tuple[int, int]] = []
        for column in columns:
            start = column - 1 if not texts[column] and column else column
            stop = column + 2 if column + 1 < len(texts) and not texts[column + 1] else column + 1
            if runs and self._joins(pens, texts, runs[-1][1], start):
                runs[-1] = (runs[-1][0], max(stop, runs[-1][1]))
            else:
                runs.append((start, stop))
        return runs

    @staticmethod
    def _joins(pens: list[Pen], texts: list[str], end: int, start: int) -> bool:
        """Whether the cells between two runs are sent again: few, and drawn as those before them."""
        if start - end > _NEAR:
            return False
        return all(pens[n] is pens[end - 1] and texts[n].isascii() for n in range(end, start))

    def _stretches(self, y: int, start: int, stop: int) -> Iterable[_Stretch]:
        """A run by pens; blanks go with their neighbours where that looks the same."""
        texts, pens = self._texts[y], self._pens[y]
        begun, drawn, inked = start, pens[start], texts[start] != " "
        for n in range(start + 1, stop):
            now, blank = pens[n], texts[n] == " "
            if now is drawn or (blank and now.blank is drawn.blank):
                inked = inked or not blank
            elif not inked and not blank and now.blank is drawn.blank:
                drawn, inked = now, True
            else:
                yield _Stretch(y, begun, n, drawn if inked else drawn.blank)
                begun, drawn, inked = n, now, not blank
        yield _Stretch(y, begun, stop, drawn if inked else drawn.blank)

    def _sequence(self, stretches: list[_Stretch]) -> str:
        sent: list[str] = []
        held, at = PLAIN, _NOWHERE
        for stretch in stretches:
            cells = self._texts[stretch.y][stretch.x : stretch.end]
            sent += (_move(at, (stretch.y, stretch.x)), change(held, stretch.pen), *cells)
            held = stretch.pen
            at = (stretch.y, stretch.end) if stretch.end < self._size[0] and _all_narrow(cells) else _NOWHERE
        return "".join((*sent, change(held, PLAIN)))


def _move(at: tuple[int, int], to: tuple[int, int]) -> str:
    """The cursor's move from a cell to another, both as row and column."""
    if at == to:
        return ""
    (y, x), (row, column) = at, to
    there = f"\x1b[{row + 1};{column + 1}H" if column else f"\x1b[{row + 1}H" if row else "\x1b[H"
    if y != row or column < x:
        return there
    return min(there, f"\x1b[{column - x}C" if column - x > 1 else "\x1b[C", key=len)


def _append(texts: list[str], text: str) -> None:
    """Append a text cell by cell: what is wide takes two, what has no width stands on what is before it.

    What would control a terminal was cleaned long before; should any be left, it is not sent.
    """
    if all(map(_narrow, text)):
        texts += text
        return
    for start, end, width in split_graphemes(text)[0]:
        piece = "".join(filter(str.isprintable, text[start:end]))
        texts += (piece, *[""] * (width - 1)) if width and cell_len(piece) == width else "?" * width


def _all_narrow(cells: list[str]) -> bool:
    """Whether terminals agree on where the cursor is after these: some draw what is wide or combined otherwise."""
    return all(len(cell) == 1 and _narrow(cell) for cell in cells)


@lru_cache(maxsize=4096)
def _narrow(character: str) -> bool:
    return character.isprintable() and cell_len(character) == 1
