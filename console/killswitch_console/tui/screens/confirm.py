"""The dialog that asks before anything is halted or restored. Its default is Cancel; friction grows with the scope."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, cast

from textual import on
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input

from killswitch_console.halting.engine import Engine
from killswitch_console.halting.happenings import refused
from killswitch_console.hostile import clean
from killswitch_console.tui.lines.spans import Line, Tone, plain
from killswitch_console.tui.widgets.field import text_line
from killswitch_console.tui.widgets.listing import Lines, ShortListing

if TYPE_CHECKING:
    from killswitch_console.tui.app import ConsoleApp

ONE_KEY = "yes"
"""What ``required_confirmation`` answers where one key is enough."""


class ConfirmDialog(ModalScreen[bool]):
    """Shows who and what is hit, then asks. Dismissed with True only by the key or the text that confirms."""

    CSS_PATH = "confirm.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel"),
        Binding("y", "one_key", "Yes", show=False),
    ]

    def __init__(self, *, verb: str, title: str, hit: Callable[[int], list[Line]], needed: str) -> None:
        """Prepare to ask.

        Args:
            verb: what will be done, on the button: ``Halt``, ``Restore``, ...
            title: the first line.
            hit: who and what it hits, in lines for a width.
            needed: the text that confirms; ``yes`` stands for one key.
        """
        super().__init__()
        self._verb = verb
        self._title = title
        self._hit = hit
        self._needed = needed

    def ask(self, app: App[object], act: Callable[[], object]) -> None:
        """Open the dialog; do this if it is confirmed, and nothing otherwise."""

        def answered(confirmed: bool | None) -> None:
            if confirmed:
                act()

        app.push_screen(self, answered)

    @property
    def _typed(self) -> bool:
        return self._needed != ONE_KEY

    def compose(self) -> ComposeResult:
        """What it hits, the question, and Cancel first."""
        with Vertical(id="dialog"):
            yield Lines(lambda _: [plain(clean(self._title), Tone.BAD)], id="question")
            yield ShortListing(self._hit, id="hit")
            yield Lines(self._ask, id="ask")
            if self._typed:
                yield text_line(id="typed", most=500)
            yield Lines(id="answer")
            with Horizontal(id="buttons"):
                yield Button("Cancel  (Esc)", id="cancel", compact=True)
                label = self._verb if self._typed else f"{self._verb}  (y)"
                yield Button(label, id="confirm", variant="error", compact=True, disabled=self._typed)

    def _ask(self, _: int) -> list[Line]:
        if not self._typed:
            return [
                (
                    ("Press ", Tone.PLAIN),
                    ("y", Tone.STRONG),
                    (f" to {self._verb.lower()}; ", Tone.PLAIN),
                    ("Cancel", Tone.STRONG),
                    (" is the default", Tone.PLAIN),
                )
            ]
        return [
            (
                ("Type  ", Tone.PLAIN),
                (clean(self._needed), Tone.STRONG),
                (f"  and press Enter to {self._verb.lower()}", Tone.PLAIN),
            )
        ]

    def on_mount(self) -> None:
        """The default is Cancel; where a text is asked for, typing it is what is waited for."""
        self.query_one("#typed" if self._typed else "#cancel").focus()

    def _confirmed_by(self, text: str) -> bool:
        """Whether a typed text confirms; a name that no keyboard can type may be typed as it is shown."""
        return self._typed and text in (self._needed, clean(self._needed))

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        self.query_one("#confirm", Button).disabled = not self._confirmed_by(event.value)
        self.query_one("#answer", Lines).show(lambda _: [])

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        if self._confirmed_by(event.value):
            self.dismiss(True)
        elif not event.value:
            self.dismiss(False)
        else:
            self.query_one("#answer", Lines).show(lambda _: [plain("That is not it; nothing was done.", Tone.BAD)])
            self._note_wrong()

    def _note_wrong(self) -> None:
        """A slip, or somebody who tries: it goes into the trail. What was typed does not; it may be a secret."""
        happening = refused(self._verb.lower(), self._title, "the confirmation is missing or wrong")

        async def note(engine: Engine) -> None:
            engine.recorder.note(*happening)

        cast("ConsoleApp", self.app).engine.submit(note, name="note a wrong confirmation")

    @on(Button.Pressed, "#confirm")
    def _pressed(self) -> None:
        if not self._typed or self._confirmed_by(self.query_one(Input).value):
            self.dismiss(True)

    @on(Button.Pressed, "#cancel")
    def action_cancel(self) -> None:
        """Nothing is done."""
        self.dismiss(False)

    def action_one_key(self) -> None:
        """The one key that is enough for an agent."""
        if not self._typed:
            self.dismiss(True)
