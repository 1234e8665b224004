"""Painting no more of a row than changed: Textual 8.2 paints from the row's beginning, whatever of it is dirty.

Uses private names of Textual; ``tests/console/tui/test_narrow.py`` pins them.
"""

from __future__ import annotations

from rich.console import Console
from rich.control import Control
from textual._compositor import ChopsUpdate, Compositor


class NarrowUpdate(ChopsUpdate):
    """Sends the dirty cells of each row, and not those before them."""

    def render_segments(self, console: Console) -> str:
        """The cells, each run after the cursor's move to it."""
        sequences: list[str] = []
        for y, x1, x2 in self.spans:
            for end, (x, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=False):
                if strip is None or x >= x2 or end <= x1:
                    continue
                left, right = max(x, x1), min(end, x2)
                part = strip if (left, right) == (x, end) else strip.crop(left - x, right - x)
                sequences += (Control.move_to(left, y).segment.text, part.render(console))
        return "".join(sequences)


class NarrowCompositor(Compositor):
    """Textual's, with narrow updates."""

    def render_partial_update(self) -> NarrowUpdate | None:
        """What is dirty, if anything is."""
        update = super().render_partial_update()
        return None if update is None else NarrowUpdate(update.chops, update.spans, update.chop_ends)
