"""A line for a passphrase: what is typed is kept as bytes that can be wiped, and only dots are ever drawn.

Textual's own input keeps what is typed as text, which nothing can overwrite. A paste still comes as text, once.
"""

from __future__ import annotations

from textual import events
from textual.message import Message

from killswitch_console.tui.lines.spans import Line, Tone
from killswitch_console.tui.widgets.listing import Lines

MOST_BYTES = 1024
_DOTS = 40
"""Dots drawn at most: a passphrase's length is nobody's business."""


class SecretLine(Lines, can_focus=True):
    """Takes a passphrase."""

    class Edited(Message):
        """Something was typed or removed."""

    def __init__(self, *, id: str) -> None:  # noqa: A002
        super().__init__(self._dots, id=id)
        self._secret = bytearray()

    @property
    def filled(self) -> bool:
        """Whether anything was typed."""
        return bool(self._secret)

    def take(self) -> bytearray:
        """What was typed, which is the caller's to wipe; the line is empty then."""
        taken, self._secret = self._secret, bytearray()
        self.show()
        return taken

    def wipe(self) -> None:
        """Overwrite what was typed, and forget it."""
        self._secret[:] = bytes(len(self._secret))
        self._secret.clear()
        self.show()

    def _dots(self, width: int) -> list[Line]:
        cursor = ("▏", Tone.ACCENT) if self.has_focus else ("", Tone.PLAIN)
        return [((" " + "•" * min(len(self._secret), _DOTS, width - 2), Tone.PLAIN), cursor)]

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """Letters are typed here, whatever they mean elsewhere."""
        del key
        return character is not None and character.isprintable()

    def on_key(self, event: events.Key) -> None:
        """Type and remove; Enter is the screen's."""
        if event.key == "backspace":
            while self._secret and (self._secret.pop() & 0xC0) == 0x80:
                pass
        elif event.key == "ctrl+u":
            self.wipe()
        elif event.character is not None and event.character.isprintable():
            self._add(event.character)
        else:
            return
        event.stop()
        event.prevent_default()
        self._edited()

    def on_paste(self, event: events.Paste) -> None:
        """Take what was pasted, up to the end of its line."""
        self._add(event.text.split("\n")[0].rstrip("\r"))
        event.stop()
        self._edited()

    def _add(self, text: str) -> None:
        self._secret += text.encode()[: MOST_BYTES - len(self._secret)]

    def _edited(self) -> None:
        self.show()
        self.post_message(self.Edited())

    def on_focus(self, _: events.Focus) -> None:
        """Show the cursor."""
        self.show()

    def on_blur(self, _: events.Blur) -> None:
        """Show none."""
        self.show()

    def on_unmount(self) -> None:
        """Nothing that was typed outlives the line."""
        self._secret[:] = bytes(len(self._secret))
        self._secret.clear()
