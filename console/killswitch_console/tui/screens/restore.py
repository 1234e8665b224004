"""Restoring a halt: what will be put back, the reason, and the dialog that asks. Changes nothing itself."""

from __future__ import annotations

from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input

from killswitch_console.halting.approving import ApprovalNeeded, check_approval
from killswitch_console.halting.confirmation import required_confirmation
from killswitch_console.halting.engine import Engine, LedgerNeeded, UnknownHalt
from killswitch_console.halting.ledger import LedgerError
from killswitch_console.halting.record import HaltRecord
from killswitch_console.halting.restore_desk import NothingToRestore
from killswitch_console.halting.restore_plan import RestorePlan
from killswitch_console.hostile import clean
from killswitch_console.tui.lines import halts, restoring
from killswitch_console.tui.lines.foreseen import foreseen
from killswitch_console.tui.lines.spans import Line, Tone, plain
from killswitch_console.tui.live_halt import LiveHalt
from killswitch_console.tui.screens.base import ConsoleScreen
from killswitch_console.tui.screens.confirm import ConfirmDialog
from killswitch_console.tui.widgets.field import Field, text_line
from killswitch_console.tui.widgets.listing import Lines, Listing

APPROVALS_SECONDS = 2.0
"""How often approvals are looked for where two people are needed."""


class RestoreScreen(ConsoleScreen):
    """Asks for what a restore needs."""

    CSS_PATH = "restore.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Cancel", id="restore.cancel"),
        Binding("ctrl+n", "go_on", "Continue", id="restore.go_on"),
        Binding("pageup", "scroll(-1)", "Scroll", show=False, priority=True, id="restore.up"),
        Binding("pagedown", "scroll(1)", "Scroll", show=False, priority=True, id="restore.down"),
    ]
    HELP_LINES = (
        ("Enter", "continue to the confirmation: nothing is changed before that"),
        ("PgUp PgDn", "scroll what will be put back"),
        ("Esc", "cancel: nothing was done"),
    )

    def __init__(self, halt: LiveHalt) -> None:
        super().__init__()
        self._halt = halt
        self._hint = ""
        self._plan: RestorePlan | str | None = None
        """What it would meet, once the platforms told; or why that is not known."""

    def body(self) -> ComposeResult:
        """What is put back, then the reason."""
        heading = f" Restore {clean(str(self._halt.header.scope))}"
        yield Lines(lambda _: [plain(heading, Tone.ACCENT)], id="heading")
        yield Listing(self._lines, id="plan")
        with Vertical(id="form"):
            yield Field("Reason", text_line(id="reason", most=500))
            yield Lines(self._next, id="next")

    def on_mount(self) -> None:
        """The reason is what a person must give."""
        self.query_one("#reason").focus()
        self._foresee()
        if self._takes_two:
            self._look()
            self.set_interval(APPROVALS_SECONDS, self._look, name="approvals")

    def _lines(self, width: int) -> list[Line]:
        two = restoring.two_people(self._halt, self.state.invoker, self.now, width - 1) if self._takes_two else []
        met = foreseen(self._plan, width - 1)
        return [((" ", Tone.PLAIN), *line) for line in (*two, *met, *restoring.whole(self._halt, self.now, width - 1))]

    @property
    def _takes_two(self) -> bool:
        return self.state.takes_two(self._halt.header)

    @work(exclusive=True, group="foresee", exit_on_error=False)
    async def _foresee(self) -> None:
        """Ask the platforms what the restore would meet; nobody has to wait for it."""

        async def asked(engine: Engine) -> RestorePlan:
            return await engine.plan_restore(self._halt.header.halt_id, reader=self.state.invoker)

        try:
            self._plan = await self.console_app.ask(asked, name="what a restore would meet")
        except (LedgerError, LedgerNeeded, UnknownHalt, NothingToRestore) as error:
            self._plan = str(error)
        self.query_one("#plan", Listing).show()

    @work(exclusive=True, group="approvals", exit_on_error=False)
    async def _look(self) -> None:
        """Another person agrees in another process: what the ledger knows of that."""

        async def read(engine: Engine) -> HaltRecord:
            return await engine.record(self._halt.header.halt_id)

        try:
            record = await self.console_app.ask(read, name="approvals")
        except (LedgerError, LedgerNeeded, UnknownHalt) as error:
            self._say(clean(f"approvals cannot be read: {error}", most=200))
            return
        self._halt.approve(record.approvals)
        self.query_one("#plan", Listing).show()

    def _next(self, _: int) -> list[Line]:
        if self._hint:
            return [plain(f" {self._hint}", Tone.BAD)]
        return [plain(" Enter continues to the confirmation; nothing is changed before that", Tone.MUTED)]

    def _say(self, hint: str) -> None:
        self._hint = hint
        self.query_one("#next", Lines).show()

    @on(Input.Changed)
    def _edited(self) -> None:
        self._say("")

    @on(Input.Submitted)
    def action_go_on(self) -> None:
        """To the dialog that asks, once there is a reason."""
        reason = self.query_one("#reason", Input).value.strip()
        if not reason:
            self._say("a reason is required")
            return
        header = self._halt.header
        if self._takes_two:
            try:
                check_approval(header.halt_id, self.state.invoker, self._halt.base.approvals, self.now)
            except ApprovalNeeded:
                self._say("another person must agree first")
                return
        dialog = ConfirmDialog(
            verb="Restore",
            title=f"Restore {header.scope} in {header.environment}?",
            hit=lambda width: halts.summary(self._halt, width - 1),
            needed=required_confirmation(header.scope, header.environment, restore=True),
        )
        dialog.ask(self.app, lambda: self.console_app.invoking.begin_restore(header.halt_id, reason=reason))

    def action_scroll(self, by: int) -> None:
        """Scroll what will be put back, wherever the keys go otherwise."""
        listing = self.query_one("#plan", Listing)
        listing.scroll_relative(y=by * max(1, listing.size.height - 1), animate=False)
