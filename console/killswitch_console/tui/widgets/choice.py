"""One of a few words, changed in place with the arrow keys: one line where a drop-down would take six."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from killswitch_console.tui.lines.spans import Line, Tone
from killswitch_console.tui.widgets.listing import Lines


class Choice(Lines, can_focus=True):
    """A choice between words, each with what it means."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "turn(-1)", "Previous", show=False),
        Binding("right,space", "turn(1)", "Next", show=False),
    ]

    class Changed(Message):
        """Another word was chosen."""

        def __init__(self, choice: Choice) -> None:
            super().__init__()
            self.choice = choice

        @property
        def control(self) -> Choice:
            """Where it was chosen."""
            return self.choice

    def __init__(self, options: Mapping[str, str], *, id: str) -> None:  # noqa: A002
        """Choose among ``options``: words and what they mean; the first is the default."""
        super().__init__(self._words, id=id)
        self._options = dict(options)
        self.value = next(iter(self._options))

    def _words(self, _: int) -> list[Line]:
        mark = Tone.STRONG if self.has_focus else Tone.PLAIN
        arrows = ("◂ ", " ▸") if self.has_focus else ("  ", "  ")
        return [
            (
                (arrows[0], Tone.ACCENT),
                (self.value, mark),
                (arrows[1], Tone.ACCENT),
                (f"  {self._options[self.value]}", Tone.MUTED),
            )
        ]

    def action_turn(self, by: int) -> None:
        """To the next word, or the one before."""
        words = list(self._options)
        self.value = words[(words.index(self.value) + by) % len(words)]
        self.show()
        self.post_message(self.Changed(self))

    def reset(self) -> None:
        """Back to the first word; nobody is told."""
        self.value = next(iter(self._options))
        self.show()

    def on_focus(self, _: events.Focus) -> None:
        """Show that the arrows work."""
        self.show()

    def on_blur(self, _: events.Blur) -> None:
        """Show that they do not."""
        self.show()
