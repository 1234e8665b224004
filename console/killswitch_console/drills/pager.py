"""The console in a drill: the real one, with a pager for what the script sends, and a way out for a real event."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import ClassVar, Final

from textual.binding import Binding, BindingType

import killswitch_console.tui
from killswitch_console.drills.isolating import REAL_EVENT
from killswitch_console.drills.paging import Answer, Page, Pager, Received
from killswitch_console.hostile import clean
from killswitch_console.tui.app import ConsoleApp

_STYLES: Final = Path(killswitch_console.tui.__file__).parent

_LONG: Final = 60.0
"""Seconds that a page stays on the screen by itself."""


class DrillApp(ConsoleApp):
    """See the module."""

    CSS_PATH: ClassVar = [str(_STYLES / path) for path in ConsoleApp.CSS_PATH]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f8", "pages", "Pages", id="drill.pages"),
        Binding("f9", "acknowledge", "Acknowledge", id="drill.acknowledge"),
        Binding("f10", "decline", "Decline", id="drill.decline"),
        Binding("f12", "real_event", "REAL EVENT", id="drill.real", priority=True),
    ]

    pager: Pager
    """What came in this drill; set before it runs."""
    tell_leader: Callable[..., None]
    """Says something to the leader of the drill; set before it runs."""

    def on_mount(self) -> None:
        """Say that this is a drill before anything else."""
        super().on_mount()
        said = clean(self.pager.briefing, most=600)
        self.notify(said, title="DRILL - nothing real is touched", timeout=_LONG, markup=False)

    def soon(self, act: Callable[[DrillApp], None]) -> None:
        """Do something in the app's loop, from any thread; nothing once it has ended."""
        loop = self._running_loop
        if loop is not None:
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(act, self)

    def page(self, page: Page) -> None:
        """Show a message as a pager would."""
        self.pager.take(page, self.now())
        self.bell()
        self._show(page)
        self.freshen()

    def _show(self, page: Page) -> None:
        wrong = page.kind == "alert"
        self.notify(
            clean(page.text, most=600),
            title=clean(f"DRILL {page.channel}: {page.sender}  [F9 acknowledge, F10 decline, 5 all]"),
            severity="error" if wrong else "warning",
            timeout=_LONG,
            markup=False,
        )

    def paced(self, speed: float) -> None:
        """Time runs at another speed now."""
        self.pager.speed = speed
        self.freshen()

    def action_pages(self) -> None:
        """Show everything that waits for an answer, again."""
        for one in self.pager.open:
            self._show(one.page)

    def action_acknowledge(self) -> None:
        """Take notice of all that came."""
        self.answer(self.pager.open, Answer.ACKNOWLEDGED)

    def action_decline(self) -> None:
        """Say no to the latest page."""
        self.answer(self.pager.open[-1:], Answer.DECLINED)

    def answer(self, which: Iterable[Received], answer: Answer) -> None:
        """Answer pages, and have the leader know."""
        for page in self.pager.answer(which, answer):
            self.tell_leader("happened", event=f"responder.{answer}", facts={"inject": page.id}, measured={})
        self.clear_notifications()
        self.freshen()

    def drill_over(self, *, passed: bool) -> None:
        """The script is over."""
        said = self.pager.over = "passed" if passed else "not passed"
        self.notify(f"The drill is over: {said}. Leave with q.", title="DRILL", timeout=_LONG, markup=False)

    def leader_gone(self) -> None:
        """Nobody leads it any more."""
        if not self.pager.over:
            self.pager.over = "its leader is gone"
            self.notify("The leader of this drill is gone. Leave with q.", title="DRILL", timeout=_LONG, markup=False)

    def action_real_event(self) -> None:
        """Leave drill mode at once: this process ends, and the real console opens in its place."""
        self.tell_leader("real")
        self.exit(REAL_EVENT, return_code=REAL_EVENT)
