"""Whether a halt would work now: the table of ``check``, made anew in the background. Harmless calls only."""

from __future__ import annotations

from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from killswitch_console.checking.report import Report
from killswitch_console.halting.engine import Engine
from killswitch_console.hostile import clean
from killswitch_console.tui.lines import readiness
from killswitch_console.tui.lines.spans import BLANK, Line, Tone, plain, wrapped
from killswitch_console.tui.places import Place
from killswitch_console.tui.screens.base import ConsoleScreen
from killswitch_console.tui.widgets.listing import Lines, Listing

ANEW_SECONDS = 60.0
"""How old a check may become while somebody looks at it."""


class ReadinessScreen(ConsoleScreen):
    """The findings of the latest check."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", id="readiness.back"),
        Binding("a", "whole", "All / wrong", id="readiness.whole"),
        Binding("r", "check", "Check now", id="readiness.check"),
    ]
    HELP_LINES = (
        ("↑ ↓  j k", "scroll"),
        ("a", "show also what is well, or only what is not"),
        ("r", "check again now; harmless calls only"),
        ("Esc  1", "back to the fleet"),
    )

    def __init__(self) -> None:
        super().__init__()
        self._report: Report | None = None
        self._problem = ""
        self._checking = False
        self._whole_table = False

    def body(self) -> ComposeResult:
        """A line that sums it up, then the table."""
        yield Lines(self._summary, id="heading")
        yield Listing(self._lines, id="findings")

    def on_mount(self) -> None:
        """Show what was found last, and look anew."""
        self.query_one("#findings").focus()
        self._look(max_age=ANEW_SECONDS)
        self.set_interval(ANEW_SECONDS, lambda: self._look(max_age=ANEW_SECONDS / 2), name="check anew")

    @work(exclusive=True, group="check", exit_on_error=False)
    async def _look(self, *, max_age: float) -> None:
        async def last(engine: Engine) -> Report | None:
            return engine.settings.readiness.last if engine.settings.readiness is not None else None

        async def report(engine: Engine) -> Report | None:
            known = engine.settings.readiness
            return None if known is None else await known.report(engine, max_age=max_age)

        if self._report is None:
            self._report = await self.console_app.ask(last, name="last check")
        self._checking = True
        self.freshen()
        try:
            self._report, self._problem = await self.console_app.ask(report, name="check"), ""
        except Exception as defect:  # noqa: BLE001  (it is shown; a check that fails must not end the console)
            self._problem = clean(str(defect) or repr(defect), most=400)
        finally:
            self._checking = False
        self.freshen()

    def _summary(self, width: int) -> list[Line]:
        if self._report is None:
            return [plain(" Readiness", Tone.ACCENT)]
        return [readiness.summary(self._report, self.now, width, checking=self._checking)]

    def _lines(self, width: int) -> list[Line]:
        room = width - 2
        failed = wrapped(f"✖ the last check failed: {self._problem}", room, tone=Tone.BAD) if self._problem else []
        if self._report is not None:
            lines = [*failed, *readiness.table(self._report, room, whole=self._whole_table)]
        elif failed:
            lines = failed
        elif self._checking:
            lines = [BLANK, plain("Checking platforms, rights, clocks, vaults and the trail …", Tone.MUTED)]
        else:
            lines = [BLANK, plain("There is no configuration that could be checked", Tone.MUTED)]
        return [((" ", Tone.PLAIN), *line) if line else BLANK for line in lines]

    def freshen_body(self) -> None:
        """Ages move; findings change with a check only."""
        self.query_one("#heading", Lines).show()
        self.query_one("#findings", Listing).show()

    def action_whole(self) -> None:
        """Show also what is well, or not."""
        self._whole_table = not self._whole_table
        self.freshen_body()

    def action_check(self) -> None:
        """Check now."""
        self._look(max_age=0.0)


PLACE = Place(
    name="readiness",
    key="4",
    title="Readiness",
    open=ReadinessScreen,
    summary="would a halt work now: rights, clocks, vaults, trail",
)
