"""The places a person can go to, found by listing the package ``screens``.

1. To add one, write ``screens/<name>.py`` with a ``ConsoleScreen`` (or a ``ModalScreen``) and, after the class:
   ``PLACE = Place(name="audit", key="3", title="Audit", summary="the trail: search, verify", open=AuditScreen)``.
2. That is all: its key, the ``:`` palette, ``?`` and the footer know it; it is imported after the first paint only.
3. ``open`` makes the screen and takes nothing. The screen finds ``self.state`` (``.configuration`` or None,
   ``.read_only``, ``.drill``) and asks the engine: ``await self.console_app.ask(work, name="...")``; what blocks goes
   to threads. A key that changes something is declared in ``CHANGING`` of the screen and asks with a dialog.
4. ``changes=True``: the place exists to change something, and under ``--read-only`` it is not offered at all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from textual.screen import Screen

from killswitch_console.tui import screens
from killswitch_console.tui.finding import Broken, find


@dataclass(frozen=True, slots=True)
class Place:
    """A place: how it is called, by which key it is reached, and what makes its screen."""

    name: str
    """What the palette calls it: ``audit``."""
    key: str
    """As Textual names keys: ``3``, ``b``."""
    title: str
    """One word for the footer."""
    open: Callable[[], Screen[Any]]
    summary: str = ""
    """A few words for the help and the palette."""
    changes: bool = False
    """Whether it exists to change something."""


class Places:
    """All places, once they were looked for."""

    def __init__(self, *, read_only: bool = False) -> None:
        self._read_only = read_only
        self._known: tuple[Place, ...] | None = None
        self.broken: tuple[Broken, ...] = ()
        """Modules of screens that cannot be imported."""

    @property
    def known(self) -> tuple[Place, ...]:
        """The places in the order of their keys, digits first; none until they were looked for."""
        return self._known or ()

    def load(self) -> tuple[Place, ...]:
        """Look for them, importing every screen; from any thread, and cheap the second time."""
        if self._known is None:
            found = find(screens, "PLACE", Place)
            offered = [place for place in found.parts if not (place.changes and self._read_only)]
            self.broken = found.broken
            self._known = tuple(sorted(offered, key=lambda place: (not place.key.isdigit(), place.key, place.name)))
        return self._known

    def by_key(self, key: str) -> Place | None:
        """The place that a key leads to."""
        return next((place for place in self.load() if place.key == key), None)

    def by_name(self, name: str) -> Place | None:
        """The place of a name."""
        return next((place for place in self.load() if place.name == name), None)
