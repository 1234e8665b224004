"""Whether there is a terminal that a full screen can be shown on, and in what colours."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Final, TextIO

_DUMB: Final = frozenset({"", "dumb", "unknown"})

INSTEAD: Final = "use the commands instead: killswitch-console --help"
"""What a person can do without a screen."""

PLAIN_THEME: Final = "ansi-dark"
"""The theme that uses the terminal's own colours only, and none of them under NO_COLOR."""

DEFAULT_THEME: Final = "dark"
"""See ``themes.py``, which costs an import of Textual."""


def why_no_screen(
    environ: Mapping[str, str] = os.environ, stdin: TextIO | None = None, stderr: TextIO | None = None
) -> str | None:
    """Why no full screen can be shown here, in one line that says what to do instead; None if one can.

    Textual reads keys from stdin and draws to stderr, so both must be a terminal; stdout need not be.
    """
    stdin, stderr = stdin or sys.__stdin__, stderr or sys.__stderr__
    if stdin is None or stderr is None or not (stdin.isatty() and stderr.isatty()):
        return f"the console needs a terminal; {INSTEAD}"
    if (term := environ.get("TERM", "")) in _DUMB:
        return f"the console cannot draw on a terminal of type {term or 'unset'!r}; {INSTEAD}"
    return None


def why_lines_only(environ: Mapping[str, str] = os.environ, *, plain: bool) -> str | None:
    """Why a person gets lines instead of a screen here; None where a screen can be tried.

    A terminal that cannot draw, or a person who wants to hear lines. Where there is no terminal at all nobody reads.
    """
    if plain:
        return "the console draws a screen; here is what it would show, in lines"
    both = (
        sys.__stdin__ is not None and sys.__stderr__ is not None and sys.__stdin__.isatty() and sys.__stderr__.isatty()
    )
    if both and (term := environ.get("TERM", "")) in _DUMB:
        return f"a terminal of type {term or 'unset'!r} cannot draw the console; here is what it would show, in lines"
    return None


def theme(
    environ: Mapping[str, str] = os.environ, *, given: str | None = None, configured: str | None = None
) -> str | None:
    """The theme to use: what was asked for, else what the environment says, else what the configuration says.

    ``NO_COLOR`` asks for the terminal's own colours, and none of them is used then; None leaves the choice to Textual's
    TEXTUAL_THEME.
    """
    if given is None:
        if "TEXTUAL_THEME" in environ:
            return None
        given = "plain" if "NO_COLOR" in environ else configured or DEFAULT_THEME
    return PLAIN_THEME if given == "plain" else given
