"""The plan of a halt: who and what it hits, the reason, and the way to the dialog that asks. Changes nothing itself.

Several scopes (agents that were marked) are planned and confirmed together, and become a halt each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input

from killswitch_backends.problems import Problem
from killswitch_backends.protocol import Profile
from killswitch_console.halting.confirmation import required_confirmation, required_for_several
from killswitch_console.halting.engine import Engine
from killswitch_console.halting.plan import Plan
from killswitch_console.hostile import clean
from killswitch_console.tui.lines import plan as plan_lines
from killswitch_console.tui.lines import words
from killswitch_console.tui.lines.spans import BLANK, Line, Tone, plain, wrapped
from killswitch_console.tui.screens.base import ConsoleScreen
from killswitch_console.tui.screens.confirm import ConfirmDialog
from killswitch_console.tui.widgets.choice import Choice
from killswitch_console.tui.widgets.field import Field, text_line
from killswitch_console.tui.widgets.listing import Lines, Listing
from killswitch_inventory.scopes import Scope

PROFILES = {
    Profile.IMMEDIATE: "every layer at once; processes get their grace",
    Profile.GRACEFUL: "flags first, then drained, credentials last",
    Profile.FORCE: "immediate, without grace",
}

ACCEPTED = "accepted"

COLLATERAL = {
    "not accepted": "agents outside the scope would be hit: Space accepts that",
    ACCEPTED: "agents outside the scope are hit as well",
}

OLD_SECONDS = 30.0
"""When a plan is old enough to say how old it is."""


class PlanScreen(ConsoleScreen):
    """Plans halts of scopes, mostly of one, and asks for what a confirmation needs."""

    CSS_PATH = "plan.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Cancel", id="plan.cancel"),
        Binding("ctrl+n", "go_on", "Continue", id="plan.go_on"),
        Binding("ctrl+r", "plan_again", "Plan again", id="plan.again"),
        Binding("pageup", "scroll(-1)", "Scroll", show=False, priority=True, id="plan.up"),
        Binding("pagedown", "scroll(1)", "Scroll", show=False, priority=True, id="plan.down"),
    ]
    HELP_LINES = (
        ("Tab", "to the next field; Enter in the reason continues to the confirmation"),
        ("PgUp PgDn", "scroll the plan"),
        ("Ctrl-N", "continue to the confirmation: nothing is changed before that"),
        ("Ctrl-R", "plan again: the fleet may have changed"),
        ("← →", "change the profile"),
        ("Space", "accept the collateral, where there is any"),
        ("Esc", "cancel: nothing was done"),
    )

    def __init__(self, scopes: Sequence[Scope]) -> None:
        super().__init__()
        self.scopes = tuple(scopes)
        self.plans: tuple[Plan, ...] = ()
        """A plan per scope, once they are made."""
        self._problem = ""
        self._hint = ""

    def body(self) -> ComposeResult:
        """The plan, then the form."""
        yield Lines(self._heading, id="heading")
        yield Listing(self._lines, id="plan")
        with Vertical(id="form"):
            yield Field("Reason", text_line(id="reason", most=500))
            yield Field("Incident", text_line(id="incident", most=100))
            yield Field("Profile", Choice({str(p): meaning for p, meaning in PROFILES.items()}, id="profile"))
            yield Field("Collateral", Choice(COLLATERAL, id="accept"), id="collateral")
            yield Lines(self._next, id="next")

    def on_mount(self) -> None:
        """Plan at once; the reason is what a person must give."""
        self.query_one("#collateral").display = False
        self.query_one("#reason").focus()
        self._make_plan()

    # -- planning --------------------------------------------------------------------------------------------------

    @work(exclusive=True, group="plan", exit_on_error=False)
    async def _make_plan(self) -> None:
        """Ask the engine for the plan with the profile that is chosen."""
        scopes, profile = self.scopes, Profile(self.query_one("#profile", Choice).value)
        self.plans, self._problem = (), ""
        self.query_one("#accept", Choice).reset()  # what is accepted is one plan's collateral
        self.freshen_body()

        async def ask(engine: Engine) -> tuple[Plan, ...]:
            return tuple([await engine.plan(scope, profile) for scope in scopes])

        try:
            self.plans = await self.console_app.ask(ask, name=f"plan of {plan_lines.called(scopes)}")
        except Problem as problem:
            self._problem = str(problem)
        self.query_one("#collateral").display = self._collateral
        self.freshen_body()

    @property
    def _collateral(self) -> bool:
        return any(plan.collateral for plan in self.plans)

    def action_plan_again(self) -> None:
        """The fleet may have changed since."""
        self._make_plan()

    @on(Choice.Changed, "#profile")
    def _profile_changed(self) -> None:
        self._make_plan()

    # -- lines -----------------------------------------------------------------------------------------------------

    def _heading(self, width: int) -> list[Line]:
        made = min((plan.made_at for plan in self.plans), default=self.now)
        is_old = (self.now - made).total_seconds() > OLD_SECONDS
        old = f"  planned {words.age(made, self.now)} ago" if is_old else ""
        called = clean(plan_lines.called(self.scopes), most=width)
        return [((" Plan: halt ", Tone.ACCENT), (called, Tone.STRONG), (old, Tone.WARN))]

    def _lines(self, width: int) -> list[Line]:
        room = width - 1
        if self._problem:
            return _indented([BLANK, *wrapped(clean(self._problem, most=1000), room, tone=Tone.BAD)])
        if not self.plans:
            return _indented(
                [BLANK, plain("asking every platform what this would mean; nothing is changed", Tone.MUTED)]
            )
        said = [plan_lines.whole(plan, self.state.objectives.of_scope(plan.scope), room) for plan in self.plans]
        return _indented([line for lines in said for line in (*lines, BLANK)][:-1])

    def _next(self, _: int) -> list[Line]:
        if self._hint:
            return [plain(f" {self._hint}", Tone.BAD)]
        if not self.plans:
            return [plain(" ", Tone.MUTED)]
        return [plain(" Enter continues to the confirmation; nothing is changed before that", Tone.MUTED)]

    def freshen_body(self) -> None:
        """The plan is what it was; only its age changes."""
        self.query_one("#heading", Lines).show()
        self.query_one("#plan", Listing).show()
        self.query_one("#next", Lines).show()

    # -- going on --------------------------------------------------------------------------------------------------

    @on(Input.Submitted)
    def _submitted(self) -> None:
        self.action_go_on()

    @on(Input.Changed)
    def _edited(self) -> None:
        self._say("")

    @on(Choice.Changed, "#accept")
    def _toggled(self) -> None:
        self._say("")

    def _say(self, hint: str) -> None:
        self._hint = hint
        self.query_one("#next", Lines).show()

    def action_go_on(self) -> None:
        """To the dialog that asks, if all that it needs is there."""
        plans, reason = self.plans, self.query_one("#reason", Input).value.strip()
        if not plans:
            self._say("there is no plan yet" if not self._problem else "there is nothing to halt")
        elif not reason:
            self._say("a reason is required")
            self.query_one("#reason").focus()
        elif self._collateral and self.query_one("#accept", Choice).value != ACCEPTED:
            self._say("the collateral must be accepted first (Tab to it, then Space)")
            self.query_one("#accept").focus()
        elif not any(plan.targets for plan in plans):
            self._say("no target in this plan can be halted: see what is untouched, and why")
        else:
            self._ask(plans, reason, self.query_one("#incident", Input).value.strip() or None)

    def _ask(self, plans: tuple[Plan, ...], reason: str, incident: str | None) -> None:
        first, *others = plans
        needed = required_confirmation(first.scope, first.environment)
        dialog = ConfirmDialog(
            verb="Halt",
            title=f"Halt {plan_lines.called(self.scopes)} in {first.environment}?",
            hit=self._hit,
            needed=required_for_several(len(plans)) if others else needed,
        )
        dialog.ask(self.app, lambda: self.console_app.invoking.begin_halts(plans, reason=reason, incident=incident))

    def _hit(self, width: int) -> list[Line]:
        lines: list[Line] = []
        for plan in self.plans:
            lines += plan_lines.summary(plan, self.state.objectives.of_scope(plan.scope), width - 1)
            lines += plan_lines.warnings(plan, width - 1)
        return [*lines, *plan_lines.acting(self.plans, width - 1)]

    def action_scroll(self, by: int) -> None:
        """Scroll the plan, wherever the keys go otherwise."""
        listing = self.query_one("#plan", Listing)
        listing.scroll_relative(y=by * max(1, listing.size.height - 1), animate=False)


def _indented(lines: list[Line]) -> list[Line]:
    return [((" ", Tone.PLAIN), *line) for line in lines]
