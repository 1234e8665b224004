"""Terminals that show ASCII only (a C, POSIX or latin-1 locale): every symbol as one that such a terminal has.

The command line and the screen both write through here, at their outermost end, so that nothing else knows of it. Each
symbol becomes exactly as many cells as it had, and states stay apart (``tests/console/test_ascii_only.py``).
"""

from __future__ import annotations

import codecs
import sys
import unicodedata
from collections.abc import Mapping
from io import TextIOWrapper
from typing import Final

ERRORS: Final = "killswitch.ascii"
"""The name under which Python's codecs know this way of writing what an encoding does not have."""

_BY_LIKENESS: Final = {
    "*": "●•",
    "o": "○",
    ".": "·",
    "^": "▲↑▴",
    "v": "▽▾↓",
    ">": "▸▶→»▌",
    "<": "◂◀←",
    "#": "■█▓▒░▉▊▋",
    "%": "◧",
    "&": "◆",
    "@": "◇",
    "x": "✖✗",
    "/": "✓",
    "~": "≠…",
    "|": "│┃║▏▎▍▐▕┆┊‖",
    "-": "─━═╌▔▀\u2013\u2014",
    "+": "┌┐└┘├┤┬┴┼╭╮╰╯╔╗╚╝╠╣╦╩╬┏┓┗┛┣┫┳┻╋╴╶╵╷",
    "_": "▁▂▃",
    "=": "▄▅▆",
    "$": "⏎",
    "!": "▇",
    "'": "\u2018\u2019",
    '"': "\u201c\u201d",
}
_TABLE: Final = str.maketrans({symbol: plain for plain, symbols in _BY_LIKENESS.items() for symbol in symbols})


def wanted(environ: Mapping[str, str]) -> bool:
    """Whether the locale says that the terminal has no more than ASCII (or latin-1, of which no symbol is).

    Only what is said counts: without a locale most terminals take UTF-8 all the same. Python itself turns a C locale
    into C.UTF-8 in the environment (PEP 538), so that one beside ``LANG=C`` is Python's word, not the terminal's.
    """
    ctype, lang = environ.get("LC_CTYPE", ""), environ.get("LANG", "")
    if ctype == "C.UTF-8" and lang and not _utf8(lang):
        ctype = ""
    said = environ.get("LC_ALL") or ctype or lang
    return bool(said) and not _utf8(said)


def _utf8(locale: str) -> bool:
    return locale.partition("@")[0].partition(".")[2].lower().replace("-", "") == "utf8"


def to_ascii(text: str) -> str:
    """A text in ASCII, in as many cells as before: known symbols by likeness, letters without accents, else ``?``."""
    if text.isascii():
        return text
    return "".join(c if c.isascii() else _one(c) for c in text.translate(_TABLE))


def _one(character: str) -> str:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return ""
    if unicodedata.east_asian_width(character) in "WF":
        return "??"
    base = unicodedata.normalize("NFKD", character)[0]
    return base if base.isascii() and base.isprintable() else "?"


def register() -> None:
    """Let codecs write what an encoding lacks in this way: ``errors=ERRORS``."""

    def replace(error: UnicodeError) -> tuple[str, int]:
        if not isinstance(error, UnicodeEncodeError):
            raise error
        return to_ascii(error.object[error.start : error.end]), error.end

    codecs.register_error(ERRORS, replace)


def adapt(environ: Mapping[str, str]) -> None:
    """Have stdout and stderr never fail for a character that they lack; in ASCII where the locale is no more."""
    streams = [s for s in (sys.stdout, sys.stderr) if isinstance(s, TextIOWrapper)]
    ascii_only = wanted(environ)
    if not ascii_only and all(s.encoding.lower() == "utf-8" for s in streams):
        return
    register()
    for stream in streams:
        stream.reconfigure(encoding="ascii" if ascii_only else None, errors=ERRORS)
