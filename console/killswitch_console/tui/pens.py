"""How a cell is drawn, as a terminal understands it, and the shortest way from one pen to another. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from rich.color import Color, ColorSystem
from rich.style import Style

_OFF: Final = {"1": "22", "2": "22", "3": "23", "4": "24", "5": "25", "7": "27", "8": "28", "9": "29"}
"""The parameter of SGR that ends each attribute; bold and dim end together."""

_SHOWN_ON_BLANKS: Final = frozenset("4579")
"""Attributes that are seen although nothing is written: underlined, blinking, reversed, struck through."""


@dataclass(frozen=True, slots=True, eq=False)
class Pen:
    """A way of drawing: parameters of SGR. The same pen is the same object: get it from ``pen`` or ``pen_of``."""

    foreground: str
    background: str
    attributes: frozenset[str]

    @property
    def blank(self) -> Pen:
        """The plainest pen that draws a space just as this one does."""
        return _blank(self)


def pen(foreground: str = "39", background: str = "49", attributes: frozenset[str] = frozenset()) -> Pen:
    """The pen of these parameters."""
    return _PENS.setdefault((foreground, background, attributes), Pen(foreground, background, attributes))


_PENS: Final[dict[tuple[str, str, frozenset[str]], Pen]] = {}
"""Every pen that was ever asked for: as many as themes have colours."""


@lru_cache(maxsize=4096)
def _blank(drawn: Pen) -> Pen:
    if drawn.attributes & _SHOWN_ON_BLANKS:
        return drawn
    return pen("39", drawn.background)


@lru_cache(maxsize=4096)
def pen_of(style: Style | None, colours: ColorSystem) -> Pen:
    """The pen that draws a style on a terminal of so many colours; links are not drawn."""
    if style is None:
        return PLAIN
    lit = (
        style.bold,
        style.dim,
        style.italic,
        style.underline,
        style.blink,
        style.reverse,
        style.conceal,
        style.strike,
    )
    attributes = frozenset(code for code, on in zip(_OFF, lit, strict=True) if on)
    return pen(_colour(style.color, colours), _colour(style.bgcolor, colours, background=True), attributes)


def _colour(colour: Color | None, colours: ColorSystem, *, background: bool = False) -> str:
    if colour is None:
        return "49" if background else "39"
    return ";".join(colour.downgrade(colours).get_ansi_codes(not background))


@lru_cache(maxsize=16384)
def change(before: Pen, after: Pen) -> str:
    """What turns one pen into another: nothing, what differs, or all of it after a reset, whichever is shortest."""
    if before is after:
        return ""
    return min(_sgr(_differing(before, after)), _sgr(_anew(after)), key=len)


def _differing(before: Pen, after: Pen) -> Iterable[str]:
    ended = {_OFF[code] for code in before.attributes - after.attributes}
    kept = {code for code in before.attributes & after.attributes if _OFF[code] not in ended}
    yield from sorted(ended)
    yield from sorted(after.attributes - kept)
    if before.foreground != after.foreground:
        yield after.foreground
    if before.background != after.background:
        yield after.background


def _anew(after: Pen) -> Iterable[str]:
    yield "" if after is PLAIN else "0"
    yield from sorted(after.attributes)
    yield from (code for code in (after.foreground, after.background) if code not in ("39", "49"))


def _sgr(parameters: Iterable[str]) -> str:
    return f"\x1b[{';'.join(parameters)}m"


PLAIN: Final = pen()
"""What a terminal draws with after a reset."""
