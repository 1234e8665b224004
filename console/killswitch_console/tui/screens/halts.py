"""Every halt this bastion knows, the open ones first: to look at, to restore, to finish."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from killswitch_console.hostile import clean
from killswitch_console.tui.lines import halts
from killswitch_console.tui.lines.spans import BLANK, Line, Tone, plain, wrapped
from killswitch_console.tui.live_halt import LiveHalt, Phase
from killswitch_console.tui.places import Place
from killswitch_console.tui.screens.base import ConsoleScreen
from killswitch_console.tui.screens.confirm import ONE_KEY, ConfirmDialog
from killswitch_console.tui.widgets.listing import Lines, Listing
from killswitch_console.tui.widgets.picklist import PickList


class HaltsScreen(ConsoleScreen):
    """The list of halts."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", id="halts.back"),
        Binding("enter", "open", "Open", priority=True, id="halts.open"),
        Binding("r", "restore", "Restore", id="halts.restore"),
        Binding("c", "finish", "Finish", id="halts.finish"),
    ]
    CHANGING = frozenset({"restore", "finish"})
    HELP_LINES = (
        ("↑ ↓  j k", "move"),
        ("Enter", "look at a halt: its targets, its evidence"),
        ("r", "restore what a halt changed"),
        ("c", "finish a halt that was interrupted, such as by a crash"),
        ("Esc  1", "back to the fleet"),
    )

    def body(self) -> ComposeResult:
        """The list, or why there is none."""
        yield Lines(self._heading, id="heading")
        yield PickList(self._rows, id="halts")
        yield Listing(self._empty, id="empty")

    def on_mount(self) -> None:
        """Keys go to the list."""
        self.query_one(PickList).focus()

    @property
    def _halts(self) -> list[LiveHalt]:
        return self.state.book.newest_first()

    @property
    def _any(self) -> bool:
        return bool(self._halts or self.state.book.foreign)

    @property
    def _picked(self) -> LiveHalt | None:
        picked = self.query_one(PickList).picked
        return self.state.book.get(picked) if picked else None

    def _heading(self, width: int) -> list[Line]:
        return [plain(" Halts", Tone.ACCENT), *([halts.header(width - 1)] if self._any else [])]

    def _rows(self, width: int) -> list[tuple[str, Line]]:
        """Ours that are in force, then those of other bastions, then those that are over."""
        rows = [(halt.header.halt_id, halts.row(halt, self.now, width)) for halt in self._halts]
        in_force = len(self.state.book.held())
        others = [(f.halt_id, halts.foreign_row(f, self.now, width)) for f in self.state.book.foreign]
        return [*rows[:in_force], *others, *rows[in_force:]]

    def _empty(self, width: int) -> list[Line]:
        book = self.state.book
        if book.problem:
            why = clean(book.problem, most=600)
            said = [plain("The ledger cannot be read", Tone.BAD), *wrapped(why, width - 4)]
        elif not book.loaded:
            said = [plain("Reading the ledger", Tone.MUTED)]
        else:
            said = [plain("Nothing was halted from this bastion", Tone.MUTED)]
        return [BLANK, *((("  ", Tone.PLAIN), *line) for line in said)]

    def freshen_body(self) -> None:
        """Show the halts as they are."""
        some = self._any
        self.query_one("#halts").display = some
        self.query_one("#empty").display = not some
        self.query_one("#heading", Lines).show()
        self.query_one(PickList).follow()
        self.query_one("#empty", Listing).show()
        self.offer_anew()

    @on(PickList.Picked)
    def _moved(self) -> None:
        self.offer_anew()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only what makes sense for the halt under the cursor."""
        if not super().check_action(action, parameters):
            return False
        if action == "open" and self.query(PickList):
            return self._any and self.query_one(PickList).picked is not None
        if action in ("restore", "finish") and self.query(PickList):
            halt = self._picked
            if halt is None or halt.phase.under_way:
                return False
            return halt.held if action == "restore" else _interrupted(halt)
        return True

    def copied(self) -> str:
        """The id of the halt under the cursor."""
        return self.query_one(PickList).picked or ""

    def action_open(self) -> None:
        """Look at the halt under the cursor."""
        if (halt := self._picked) is not None:
            self.console_app.open_halt(halt.header.halt_id, halt.header.scope)
        elif picked := self.query_one(PickList).picked:
            self.console_app.tell(
                f"Another bastion's halt, known by its marks only. Restore it there, or: restore {picked}", wrong=False
            )

    def action_restore(self) -> None:
        """To the screen that restores it."""
        if (halt := self._picked) is not None:
            self.console_app.open_restore(halt.header.halt_id)

    def action_finish(self) -> None:
        """Ask whether to finish an interrupted halt."""
        if (halt := self._picked) is None:
            return
        header = halt.header
        dialog = ConfirmDialog(
            verb="Halt",
            title=f"Finish the interrupted halt of {header.scope}?",
            hit=lambda width: halts.summary(halt, width - 1),
            needed=ONE_KEY,
        )
        dialog.ask(self.app, lambda: self.console_app.invoking.finish_halt(header.halt_id, header.scope))


def _interrupted(halt: LiveHalt) -> bool:
    return halt.phase is Phase.ENDED and halt.base.ended_at is None


PLACE = Place(name="halts", key="2", title="Halts", open=HaltsScreen, summary="every halt, the open ones first")
