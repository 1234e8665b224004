"""The plan of a halt: who and what it hits, the reason, and the way to the dialog that asks. Changes nothing itself."""

from __future__ import annotations

from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input

from killswitch_backends.problems import Problem
from killswitch_backends.protocol import Profile
from killswitch_console.halting.confirmation import required_confirmation
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
    """Plans a halt of a scope, and asks for what a confirmation needs."""

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

    def __init__(self, scope: Scope) -> None:
        super().__init__()
        self._scope = scope
        self._plan: Plan | None = None
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
        scope, profile = self._scope, Profile(self.query_one("#profile", Choice).value)
        self._plan, self._problem = None, ""
        self.query_one("#accept", Choice).reset()  # what is accepted is one plan's collateral
        self.freshen_body()

        async def ask(engine: Engine) -> Plan:
            return await engine.plan(scope, profile)

        try:
            self._plan = await self.console_app.ask(ask, name=f"plan of {scope}")
        except Problem as problem:
            self._problem = str(problem)
        self.query_one("#collateral").display = self._plan is not None and bool(self._plan.collateral)
        self.freshen_body()

    def action_plan_again(self) -> None:
        """The fleet may have changed since."""
        self._make_plan()

    @on(Choice.Changed, "#profile")
    def _profile_changed(self) -> None:
        self._make_plan()

    # -- lines -----------------------------------------------------------------------------------------------------

    def _heading(self, width: int) -> list[Line]:
        age = (self.now - self._plan.made_at).total_seconds() if self._plan else 0.0
        old = f"  planned {words.age(self._plan.made_at, self.now)} ago" if self._plan and age > OLD_SECONDS else ""
        return [((" Plan: halt ", Tone.ACCENT), (clean(str(self._scope), most=width), Tone.STRONG), (old, Tone.WARN))]

    def _lines(self, width: int) -> list[Line]:
        room = width - 1
        if self._problem:
            return _indented([BLANK, *wrapped(clean(self._problem, most=1000), room, tone=Tone.BAD)])
        if self._plan is None:
            return _indented(
                [BLANK, plain("asking every platform what this would mean; nothing is changed", Tone.MUTED)]
            )
        slo = self.state.objectives.of_scope(self._scope)
        return _indented(plan_lines.whole(self._plan, slo, room))

    def _next(self, _: int) -> list[Line]:
        if self._hint:
            return [plain(f" {self._hint}", Tone.BAD)]
        if self._plan is None:
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
        plan, reason = self._plan, self.query_one("#reason", Input).value.strip()
        if plan is None:
            self._say("there is no plan yet" if not self._problem else "there is nothing to halt")
        elif not reason:
            self._say("a reason is required")
            self.query_one("#reason").focus()
        elif plan.collateral and self.query_one("#accept", Choice).value != ACCEPTED:
            self._say("the collateral must be accepted first (Tab to it, then Space)")
            self.query_one("#accept").focus()
        elif not plan.targets:
            self._say("no target in this plan can be halted: see what is untouched, and why")
        else:
            self._ask(plan, reason, self.query_one("#incident", Input).value.strip() or None)

    def _ask(self, plan: Plan, reason: str, incident: str | None) -> None:
        needed = required_confirmation(plan.scope, plan.environment)
        dialog = ConfirmDialog(
            verb="Halt",
            title=f"Halt {plan.scope} in {plan.environment}?",
            hit=lambda width: _hit(plan, self.state.objectives.of_scope(plan.scope), width),
            needed=needed,
        )

        def answered(confirmed: bool | None) -> None:
            if confirmed:
                self.console_app.begin_halt(plan, reason=reason, incident=incident)

        self.app.push_screen(dialog, answered)

    def action_scroll(self, by: int) -> None:
        """Scroll the plan, wherever the keys go otherwise."""
        listing = self.query_one("#plan", Listing)
        listing.scroll_relative(y=by * max(1, listing.size.height - 1), animate=False)


def _hit(plan: Plan, slo: float, width: int) -> list[Line]:
    return [*plan_lines.summary(plan, slo, width - 1), *plan_lines.warnings(plan, width - 1)]


def _indented(lines: list[Line]) -> list[Line]:
    return [((" ", Tone.PLAIN), *line) for line in lines]
