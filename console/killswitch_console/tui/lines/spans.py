"""Toned text: what a widget draws, before it is a colour. A tone never carries a meaning that its words do not."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from enum import StrEnum

from rich.cells import cell_len, set_cell_size


class Tone(StrEnum):
    """How a piece of text is meant; the theme makes colours of it."""

    PLAIN = "plain"
    MUTED = "muted"
    STRONG = "strong"
    OK = "ok"
    WARN = "warn"
    BAD = "bad"
    HALTED = "halted"
    ACCENT = "accent"
    PRODUCTION = "production"
    STAGING = "staging"
    DRILL = "drill"
    DRILL_TEXT = "drill-text"
    ELSEWHERE = "elsewhere"


Span = tuple[str, Tone]
Line = tuple[Span, ...]

BLANK: Line = ()


def plain(text: str, tone: Tone = Tone.PLAIN) -> Line:
    """A line of one tone."""
    return ((text, tone),)


def fit(text: str, width: int) -> str:
    """A text in exactly so many cells: cut with an ellipsis, or filled up."""
    if width <= 0:
        return ""
    if text.isascii():
        length = len(text)
        return text + " " * (width - length) if length <= width else text[: width - 1] + "…"
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    return set_cell_size(set_cell_size(text, width - 1) + "…", width)


def right(text: str, width: int) -> str:
    """A short text at the right of so many cells."""
    return " " * max(0, width - cell_len(text)) + text


def wrapped(text: str, width: int, *, tone: Tone = Tone.PLAIN, indent: str = "") -> list[Line]:
    """A text over as many lines as it takes."""
    lines = textwrap.wrap(text, max(8, width), initial_indent=indent, subsequent_indent=indent)
    return [plain(line, tone) for line in lines]


def length(line: Iterable[Span]) -> int:
    """The cells a line takes."""
    return sum(cell_len(text) for text, _ in line)


def spread(left: Line, tail: Line, width: int) -> Line:
    """Two ends of one line, as far apart as the width lets them be."""
    gap = width - length(left) - length(tail)
    return (*left, (" " * max(1, gap), Tone.PLAIN), *tail)


def heading(text: str, width: int) -> Line:
    """The title of a part of a screen."""
    return ((f"{text} ", Tone.ACCENT), ("─" * max(0, width - cell_len(text) - 1), Tone.MUTED))
