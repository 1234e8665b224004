"""One halt or restore: its timers, a bar per backend, and whatever lags. Leaving this screen leaves it running."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from killswitch_console.halting.confirmation import required_confirmation
from killswitch_console.halting.escalating import laggards
from killswitch_console.hostile import clean
from killswitch_console.tui.lines import halts, progress, words
from killswitch_console.tui.lines.spans import BLANK, Line, Tone, plain, wrapped
from killswitch_console.tui.lines.stale import stale_lines
from killswitch_console.tui.live_halt import LiveHalt
from killswitch_console.tui.screens.base import ConsoleScreen
from killswitch_console.tui.screens.confirm import ONE_KEY, ConfirmDialog
from killswitch_console.tui.widgets.listing import Lines, Listing
from killswitch_inventory.scopes import Scope

TICK_SECONDS = 0.25
"""How often timers move while a halt is under way."""


class HaltScreen(ConsoleScreen):
    """Follows one halt by its id."""

    CSS_PATH = "halt.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", id="halt.back"),
        Binding("f", "escalate", "Force", id="halt.escalate"),
        Binding("r", "restore", "Restore", id="halt.restore"),
        Binding("a", "approve", "Approve", id="halt.approve"),
    ]
    CHANGING = frozenset({"restore", "approve", "escalate"})
    HELP_LINES = (
        ("Esc", "back; the halt goes on, and o comes back to it"),
        ("f", "end what lags without its grace; asks first, and says what that risks"),
        ("r", "restore what this halt changed, once it has ended"),
        ("a", "agree to its restore as the second person, where two are needed"),
        ("↑ ↓  j k", "scroll the targets; what is not stopped yet stands first"),
        ("stopped", "is only said with evidence; accepted means that the platform took the change"),
        ("█ ▒ ·", "stopped, accepted, not yet"),
    )

    def __init__(self, halt_id: str, scope: Scope) -> None:
        super().__init__()
        self.halt_id = halt_id
        self._scope = scope

    @property
    def _halt(self) -> LiveHalt | None:
        return self.state.book.get(self.halt_id)

    def body(self) -> ComposeResult:
        """Timers and bars above, targets below."""
        yield Lines(self._head, id="head")
        yield Lines(self._bars, id="bars")
        yield Listing(self._targets, id="targets")

    def on_mount(self) -> None:
        """Move the timers while the halt is under way."""
        self.query_one("#targets").focus()
        self.set_interval(TICK_SECONDS, self._tick, name="halt timers")

    def _tick(self) -> None:
        if self.is_current and (self._halt is None or self._halt.phase.under_way):
            self.freshen_first()

    def _head(self, width: int) -> list[Line]:
        halt = self._halt
        if halt is not None:
            return progress.head(halt, self.now, width - 1)
        if why := self.state.book.failures.get(self.halt_id):
            failed = f"The halt of {clean(str(self._scope))} did not begin; nothing was changed"
            return [plain(failed, Tone.BAD), *wrapped(clean(why, most=600), width - 1)]
        return progress.waiting(str(self._scope), width - 1)

    def _bars(self, width: int) -> list[Line]:
        return [] if self._halt is None else [BLANK, *progress.bars(self._halt, self.now, width - 1), BLANK]

    def _targets(self, width: int) -> list[Line]:
        if self._halt is None:
            return []
        return [*progress.laggards(self._halt, self.now, width - 1), *stale_lines(self._halt, width - 1)]

    def freshen_first(self) -> None:
        """Show how far it is."""
        for name in ("#head", "#bars"):
            self.query_one(name, Lines).show()

    def freshen_body(self) -> None:
        """Show what lags, and what can be done now."""
        self.query_one("#targets", Listing).show()
        self.offer_anew()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Restore is offered once there is something to restore."""
        if not super().check_action(action, parameters):
            return False
        halt = self._halt
        if action == "escalate":
            return halt is not None and bool(laggards(halt.record()))
        if action not in ("restore", "approve"):
            return True
        if halt is None or halt.phase.under_way or not halt.held:
            return False
        return action == "restore" or self.state.takes_two(halt.header)

    def action_escalate(self) -> None:
        """Ask whether laggards are to be ended without their grace."""
        if (halt := self._halt) is None or not (late := laggards(halt.record())):
            self.app.bell()
            return
        only = {target.target for target in late}
        dialog = ConfirmDialog(
            verb="Force",
            title=f"End {words.counted(len(late), 'laggard')} of {halt.header.scope} without grace?",
            hit=lambda width: progress.forcing(late, width - 1),
            needed=required_confirmation(halt.header.scope, halt.header.environment),
        )
        dialog.ask(self.app, lambda: self.console_app.invoking.escalate(self.halt_id, only))

    def copied(self) -> str:
        """The halt's id."""
        return self.halt_id

    def action_approve(self) -> None:
        """Ask whether this person agrees to a restore that takes two."""
        if (halt := self._halt) is None:
            return
        dialog = ConfirmDialog(
            verb="Approve",
            title=f"Agree to one restore of {halt.header.scope} by another person?",
            hit=lambda width: halts.summary(halt, width - 1),
            needed=ONE_KEY,
        )
        dialog.ask(self.app, lambda: self.console_app.invoking.approve(self.halt_id))

    def action_restore(self) -> None:
        """To the screen that restores it."""
        self.console_app.open_restore(self.halt_id)
