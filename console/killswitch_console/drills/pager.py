"""The console in a drill: the real one, with a pager for what the script sends, and a way out for a real event."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

from textual.binding import Binding, BindingType

import killswitch_console.tui
from killswitch_console.drills.isolating import REAL_EVENT
from killswitch_console.hostile import clean
from killswitch_console.tui.app import ConsoleApp

_STYLES: Final = Path(killswitch_console.tui.__file__).parent

_LONG: Final = 60.0
"""Seconds that a page stays on the screen by itself."""


@dataclass(frozen=True, slots=True)
class Page:
    """One message or alert, as it arrives."""

    id: str
    kind: str
    sender: str
    channel: str
    text: str

    @classmethod
    def read(cls, words: Mapping[str, Any]) -> Page:
        """It from the wire."""
        return cls(*(str(words[name]) for name in ("id", "kind", "sender", "channel", "text")))


class DrillApp(ConsoleApp):
    """See the module."""

    CSS_PATH: ClassVar = [str(_STYLES / "app.tcss"), str(_STYLES / "screens/fleet.tcss")]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f8", "pages", "Pages", id="drill.pages"),
        Binding("f9", "acknowledge", "Acknowledge", id="drill.acknowledge"),
        Binding("f10", "decline", "Decline", id="drill.decline"),
        Binding("f12", "real_event", "REAL EVENT", id="drill.real", priority=True),
    ]

    story = ""
    tell_leader: Callable[..., None]
    """Says something to the leader of the drill; set before it runs."""

    def on_mount(self) -> None:
        """Say that this is a drill before anything else."""
        super().on_mount()
        self.pages: list[Page] = []
        self.notify(clean(self.story, most=600), title="DRILL - nothing real is touched", timeout=_LONG, markup=False)

    def soon(self, act: Callable[[DrillApp], None]) -> None:
        """Do something in the app's loop, from any thread; nothing once it has ended."""
        loop = self._running_loop
        if loop is not None:
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(act, self)

    def page(self, page: Page) -> None:
        """Show a message as a pager would."""
        self.pages.append(page)
        self.bell()
        self._show(page)

    def _show(self, page: Page) -> None:
        wrong = page.kind == "alert"
        self.notify(
            clean(page.text, most=600),
            title=clean(f"DRILL {page.channel}: {page.sender}  [F9 acknowledge, F10 decline]"),
            severity="error" if wrong else "warning",
            timeout=_LONG,
            markup=False,
        )

    def action_pages(self) -> None:
        """Show everything that came, again."""
        for page in self.pages:
            self._show(page)

    def action_acknowledge(self) -> None:
        """Take notice of the latest page, and of all before it."""
        self._answer("responder.acknowledged")

    def action_decline(self) -> None:
        """Say no to the latest page."""
        self._answer("responder.declined")

    def _answer(self, event: str) -> None:
        pages = self.pages[-1:] if event == "responder.declined" else self.pages
        for page in pages:
            self.tell_leader("happened", event=event, facts={"inject": page.id}, measured={})
        self.pages = [page for page in self.pages if page not in pages]
        self.clear_notifications()

    def drill_over(self, *, passed: bool) -> None:
        """The script is over."""
        said = "passed" if passed else "not passed"
        self.notify(f"The drill is over: {said}. Leave with q.", title="DRILL", timeout=_LONG, markup=False)

    def action_real_event(self) -> None:
        """Leave drill mode at once: this process ends, and the real console opens in its place."""
        self.tell_leader("real")
        self.exit(REAL_EVENT, return_code=REAL_EVENT)
