"""The console's own themes. Colours only help: every state has its symbol and its word besides.

Each theme names every colour that a state is drawn in, so that none is left to be computed from another. What they
promise (WCAG AA on every background a state stands on, AAA for high contrast; states that people with protanopia,
deuteranopia or tritanopia can tell apart in ``colour-blind``) is computed by ``tests/console/tui/test_themes.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from textual.app import App
from textual.theme import Theme

_STATES: Final = ("success", "warning", "error", "secondary", "accent", "muted")


@dataclass(frozen=True, slots=True)
class _Ground:
    """What states stand on."""

    background: str
    """Behind lists and trees."""
    surface: str
    """Behind banners and the footer."""
    cursor: str
    """Behind the row under the cursor."""
    foreground: str
    """Of text that means no state."""
    dark: bool = True


def _theme(
    name: str, ground: _Ground, states: tuple[str, str, str, str, str, str], badges: tuple[str, str, str]
) -> Theme:
    """A theme.

    Args:
        name: what people call it.
        ground: what all stands on.
        states: of what is well, what needs a look, what is wrong, what is halted; of keys and headings; of asides.
        badges: behind the environment's name: production, staging, others. The name stands in the background's colour.
    """
    production, staging, elsewhere = badges
    return Theme(
        name=name,
        dark=ground.dark,
        background=ground.background,
        surface=ground.surface,
        panel=ground.surface,
        foreground=ground.foreground,
        primary=elsewhere,
        secondary=states[3],
        accent=states[4],
        success=states[0],
        warning=staging,
        error=production,
        variables={
            "surface-lighten-2": ground.cursor,
            "footer-key-foreground": states[4],
            "block-cursor-background": ground.cursor,
            "block-cursor-foreground": ground.foreground,
            **{f"text-{state}": colour for state, colour in zip(_STATES, states, strict=True)},
        },
    )


_DARK: Final = _Ground(background="#121212", surface="#1e1e1e", cursor="#333333", foreground="#e0e0e0")
_LIGHT: Final = _Ground(background="#f4f4f4", surface="#e8e8e8", cursor="#d4d4d4", foreground="#1f1f1f", dark=False)
_BLACK: Final = _Ground(background="#000000", surface="#000000", cursor="#262626", foreground="#ffffff")

THEMES: Final = (
    _theme(
        "dark",
        _DARK,
        states=("#8ad4a1", "#ffc473", "#ff8296", "#82b7f0", "#7fd4d4", "#a8a8a8"),
        badges=("#f0607c", "#fea62b", "#5aa7f0"),
    ),
    _theme(
        "light",
        _LIGHT,
        states=("#14602c", "#7a4a00", "#a3142e", "#0b4f8f", "#00585c", "#4a4a4a"),
        badges=("#a3142e", "#7a4a00", "#0b4f8f"),
    ),
    _theme(
        "high-contrast",
        _BLACK,
        states=("#5fff87", "#ffd75f", "#ff9d9d", "#8fd0ff", "#5fffff", "#d0d0d0"),
        badges=("#ff7070", "#ffd75f", "#8fd0ff"),
    ),
    _theme(
        "colour-blind",
        _DARK,
        states=("#c1edfe", "#fff9d2", "#ea7f38", "#a188ff", "#d0d0d0", "#a8a8a8"),
        badges=("#ea7f38", "#fff9d2", "#c1edfe"),
    ),
)
"""All of them; ``plain`` (the terminal's own colours) is Textual's and stands in ``terminal.py``."""


def register(app: App[int]) -> None:
    """Let an app know these themes."""
    for theme in THEMES:
        app.register_theme(theme)
