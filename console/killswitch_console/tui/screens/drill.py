"""The drill's place: in a drill the responder's pager; outside of one, what was drilled when and how to begin."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, cast

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from killswitch_console.drills.cadence import DUE, judged, last_drilled
from killswitch_console.drills.homes import drills_home
from killswitch_console.drills.paging import Answer, Pager, Received
from killswitch_console.tui.lines import drill
from killswitch_console.tui.lines.spans import Line, Tone, plain
from killswitch_console.tui.places import Place
from killswitch_console.tui.screens.base import ConsoleScreen
from killswitch_console.tui.widgets.listing import Lines, Listing
from killswitch_console.tui.widgets.picklist import PickList

if TYPE_CHECKING:
    from killswitch_console.drills.pager import DrillApp


class DrillScreen(ConsoleScreen):
    """See the module."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", id="drill.back"),
        Binding("enter,a", "answer('acknowledged')", "Acknowledge", key_display="enter", id="drill.take"),
        Binding("d", "answer('declined')", "Decline", id="drill.refuse"),
    ]
    HELP_LINES = (
        ("↑ ↓  j k", "move"),
        ("Enter a", "in a drill: acknowledge the page under the cursor (F9: all)"),
        ("d", "decline it (F10: the latest)"),
        ("F12", "a REAL event: leave the drill at once"),
        ("Esc  1", "back to the fleet"),
    )

    def __init__(self) -> None:
        super().__init__()
        self._last: Mapping[str, datetime] | None = None
        self._problem = ""

    @property
    def pager(self) -> Pager | None:
        """The responder's pager; None outside a drill."""
        return cast("Pager | None", getattr(self.app, "pager", None))

    def body(self) -> ComposeResult:
        """The state and the pages, or what is due."""
        if self.pager is None:
            yield Listing(self._practice, id="practice")
            return
        yield Lines(self._state, id="state")
        yield PickList(self._pages, id="pages")
        yield Lines(self._whole_page, id="page")

    def on_mount(self) -> None:
        """Read what is kept of drills, where there is no drill."""
        if self.pager is None:
            self.query_one("#practice").focus()
            self._read()
        else:
            self.app.clear_notifications()  # what they say stands here
            self.query_one("#pages").focus()

    @work(exclusive=True, group="drills", exit_on_error=False)
    async def _read(self) -> None:
        try:
            self._last = await asyncio.to_thread(lambda: last_drilled(drills_home()))
        except OSError as error:
            self._problem = str(error)
        self.freshen_body()

    def freshen_body(self) -> None:
        """Time moves, pages come."""
        if self.pager is None:
            self.query_one("#practice", Listing).show()
            return
        self.query_one("#state", Lines).show()
        self.query_one("#pages", PickList).follow()
        self.query_one("#page", Lines).show()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Answering is for drills."""
        if action == "answer" and self.pager is None:
            return False
        return super().check_action(action, parameters)

    def _practice(self, width: int) -> list[Line]:
        if self._problem:
            return [plain(f" what was drilled cannot be read: {self._problem}", Tone.BAD)]
        if self._last is None:
            return [plain(" reading what was drilled on this machine …", Tone.MUTED)]
        known = self.state.configuration
        every = DUE if known is None else timedelta(days=known.document.drill.due_days)
        return drill.practice(judged(self._last, self.now, every=every), every.days, width)

    def _state(self, width: int) -> list[Line]:
        return [] if self.pager is None else drill.state(self.pager, self.now, width)

    def _pages(self, width: int) -> list[tuple[str, Line]]:
        return [] if self.pager is None else drill.pages(self.pager, width)

    def _picked(self) -> Received | None:
        name = self.query_one("#pages", PickList).picked
        return None if self.pager is None or name is None else self.pager.received[int(name)]

    def _whole_page(self, width: int) -> list[Line]:
        return drill.whole(self._picked(), width)

    def on_pick_list_picked(self) -> None:
        """Another page is under the cursor."""
        self.query_one("#page", Lines).show()

    def action_answer(self, how: str) -> None:
        """Answer the page under the cursor."""
        if (one := self._picked()) is not None:
            cast("DrillApp", self.app).answer((one,), Answer(how))


PLACE = Place(
    name="drill", key="5", title="Drill", summary="drills: your pager in one, what is due outside", open=DrillScreen
)
