"""The last line of every screen: the keys that do something here now, and the places that number keys lead to.

Textual's own footer makes a widget per key anew whenever one changes; this draws one line.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual import events
from textual.binding import Binding
from textual.screen import Screen

from killswitch_console.tui.lines.spans import Line, Span, Tone, length
from killswitch_console.tui.places import Place
from killswitch_console.tui.widgets.listing import Lines

NAMES = {
    "enter": "⏎",
    "escape": "Esc",
    "question_mark": "?",
    "slash": "/",
    "colon": ":",
    "exclamation_mark": "!",
    "asterisk": "*",
    "space": "Space",
}
"""How keys are written that are not called what stands on them."""


def written(key: str) -> str:
    """A key as people write it: ``^n`` for ``ctrl+n``."""
    modifier, plus, rest = key.partition("+")
    if plus and modifier == "ctrl":
        return f"^{rest}"
    return NAMES.get(key, key)


def offered(screen: Screen[object]) -> list[tuple[str, Binding]]:
    """What the keys do now on a screen, as far as it is to be shown: one key for each action."""
    known: dict[str, tuple[str, Binding]] = {}
    for key, active in screen.active_bindings.items():
        if active.enabled and active.binding.show and active.binding.description:
            known.setdefault(active.binding.action, (key, active.binding))
    return list(known.values())


_KEPT = 3
"""The last so many keys stay when room is short: the palette, help, and leaving."""


def _cells(key: tuple[str, str, Binding]) -> int:
    return len(key[1]) + len(key[2].description) + 3


class KeysBar(Lines):
    """Draws the keys; a click on one presses it."""

    DEFAULT_CSS = "KeysBar { background: $surface; dock: bottom; }"

    def __init__(self, places: Callable[[], Sequence[Place]], *, id: str) -> None:  # noqa: A002
        super().__init__(self._keys, id=id)
        self._places = places
        self._at: list[tuple[int, int, str]] = []
        """Cells from, to, and the key that stands there."""

    def on_mount(self) -> None:
        """Follow what the keys do."""
        self.screen.bindings_updated_signal.subscribe(self, lambda _: self.show())

    def _keys(self, width: int) -> list[Line]:
        spans: list[Span] = [(" ", Tone.PLAIN)]
        self._at = []
        keys = [(key, written(key), binding) for key, binding in offered(self.screen)]
        while len(keys) > _KEPT and sum(map(_cells, keys)) - 1 > width:
            del keys[-_KEPT - 1]  # help tells it; help itself and the way out stay
        for key, label, binding in keys:
            at = length(spans)
            spans += [(label, Tone.ACCENT), (f" {binding.description}  ", Tone.PLAIN)]
            self._at.append((at, length(spans) - 2, key))
        self._put_places(spans, width)
        return [tuple(spans)]

    def _put_places(self, spans: list[Span], width: int) -> None:
        """The places at the right, the one that is shown in bold; shortened to ``1-7`` where there is no room."""
        numbered = [place for place in self._places() if place.key.isdigit()]
        here = getattr(self.screen, "place", "")
        long = sum(len(place.title) + len(place.key) + 2 for place in numbered)
        used = length(spans)
        if not numbered or used + 8 > width:
            return
        if used + long + 1 > width:
            text = f"{numbered[0].key}-{numbered[-1].key} Screens"
            if used + len(text) + 1 <= width:
                spans += [(" " * (width - used - len(text) - 1), Tone.PLAIN), (text, Tone.MUTED)]
            return
        spans.append((" " * (width - used - long - 1), Tone.PLAIN))
        for place in numbered:
            at = length(spans)
            tone = Tone.STRONG if place.name == here else Tone.MUTED
            spans += [(place.key, Tone.ACCENT), (f" {place.title}", tone), (" ", Tone.PLAIN)]
            self._at.append((at, at + len(place.title) + 2, place.key))

    def on_click(self, event: events.Click) -> None:
        """Do what the key would do that was clicked on."""
        for start, end, key in self._at:
            if start <= event.x < end:
                self.app.simulate_key(key)
