"""The audit trail: every event, the newest first, to search, to look into, to verify, to export.

The trail may hold a million events: rows are read by pages in a thread, searches tell what they found as they go, and
verifying and exporting are commands in processes of their own.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input

from killswitch_console.audit.asking import Unclear, read_question, worded
from killswitch_console.audit.assembling import trail_directory
from killswitch_console.audit.storage import TrailUnavailable
from killswitch_console.config import Configuration
from killswitch_console.hostile import clean
from killswitch_console.tui import trail_commands
from killswitch_console.tui.lines import audit
from killswitch_console.tui.lines.spans import BLANK, Tone, plain
from killswitch_console.tui.places import Place
from killswitch_console.tui.screens.audit_export import ExportDialog, Wanted
from killswitch_console.tui.screens.base import ConsoleScreen
from killswitch_console.tui.trail_page import TrailPage
from killswitch_console.tui.trail_reader import TrailReader
from killswitch_console.tui.widgets.field import text_line
from killswitch_console.tui.widgets.listing import Lines, Listing
from killswitch_console.tui.widgets.long_list import LongList


class AuditScreen(ConsoleScreen):
    """The list of events beside what one of them says."""

    CSS_PATH = "audit.tcss"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (120, "-wide")]  # noqa: RUF012  (an instance variable to Textual)
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", id="audit.back"),
        Binding("slash", "ask", "Search", id="audit.ask"),
        Binding("d", "details", "Details", id="audit.details"),
        Binding("v", "verify", "Verify", id="audit.verify"),
        Binding("e", "export", "Export", id="audit.export"),
        Binding("i", "like('incident')", "Incident", show=False, id="audit.incident"),
        Binding("p", "like('by')", "Person", show=False, id="audit.person"),
        Binding("s", "like('scope')", "Scope", show=False, id="audit.scope"),
        Binding("t", "like('halt')", "Halt", show=False, id="audit.halt"),
        Binding("c", "clear", "Clear", show=False, id="audit.clear"),
    ]
    HELP_LINES = (
        ("↑ ↓  j k", "move; PgUp PgDn Home End go further"),
        ("/", "search: words, and by: incident: scope: halt: session: kind: since: until:"),
        ("i p s t", "only this incident, person, scope, halt; once more: not only; c clears all"),
        ("d  Enter", "all that the event under the cursor says, and what proves it"),
        ("v", "verify the whole trail, its remote anchor and the platforms' own logs"),
        ("e", "export what is shown"),
        ("D L", "of a drill; put in late, after a gap"),
    )

    def __init__(self) -> None:
        super().__init__()
        self._page = TrailPage()
        self._looking = False

    @property
    def _configuration(self) -> Configuration | None:
        return self.state.configuration

    def body(self) -> ComposeResult:
        """How the trail stands, the question, the list beside the details."""
        page = self._page
        yield Lines(lambda width: page.standing(self.now, width), id="standing")
        yield text_line(id="question", most=500)
        with Horizontal(id="middle"):
            with Vertical(id="left"):
                yield Lines(page.columns, id="columns")
                yield LongList(page.row, audit.coming, id="events")
                yield Listing(page.empty, id="empty")
            yield Listing(page.details, id="details")

    def on_mount(self) -> None:
        """Keys go to the list; the trail is looked at."""
        super().on_mount()
        self.query_one(LongList).focus()
        if (configuration := self._configuration) is not None:
            document = configuration.document.audit
            sinks = tuple(name for name in ("s3", "otlp", "webhook") if getattr(document, name) is not None)
            self._page.reader = TrailReader(trail_directory(configuration), sinks)
            self._look()

    async def on_unmount(self) -> None:
        """Let go of the files."""
        if self._page.reader is not None:
            await self._page.reader.close()

    def _say(self, text: str, tone: Tone) -> None:
        self._page.said = plain(f" {clean(text, most=300)}", tone)
        self._paint()

    # -- keeping fresh ---------------------------------------------------------------------------------------------

    def freshen_body(self) -> None:
        """Show how the trail stands; look whether it has grown."""
        self._paint()
        self._look()

    def _paint(self) -> None:
        some = self._page.has_rows
        self.query_one("#events").display = some
        self.query_one("#empty").display = not some
        self.query_one("#standing", Lines).show()
        self.query_one("#columns", Lines).show()
        if some and self.focused is None:
            self.query_one(LongList).focus()  # it was hidden while there was nothing in it
        if not some:
            self.query_one("#empty", Listing).show()
        self.offer_anew()

    @work(group="look", exit_on_error=False)
    async def _look(self) -> None:
        """See what came since; one look at a time."""
        reader = self._page.reader
        if reader is None or self._looking:
            return
        self._looking = True
        try:
            before = reader.total
            came = await reader.look()
            if self._page.question and came > 0 and not reader.left:
                came = await reader.find_more(self._page.wanted, before)
            self._paint()
            if came and not (self._page.question and reader.left):
                self.query_one(LongList).resize(reader.count, shift=max(0, came if before else 0))
                self._follow()
        except TrailUnavailable as error:
            self._page.problem = str(error)
        finally:
            self._looking = False

    @on(LongList.Missing)
    def _missing(self, event: LongList.Missing) -> None:
        self._fetch(range(event.first, event.last))

    @work(group="fetch", exclusive=True, exit_on_error=False)
    async def _fetch(self, rows: range) -> None:
        """Read rows that are in view; only where the list came to rest counts."""
        if self._page.reader is None:
            return
        try:
            await self._page.reader.fetch(rows)
            self._page.problem = ""
        except TrailUnavailable as error:
            self._page.problem = str(error)
            self._paint()
        self.query_one(LongList).show()
        self._follow()

    @on(LongList.Moved)
    def _follow(self) -> None:
        """Show the event under the cursor."""
        reader, row = self._page.reader, self.query_one(LongList).cursor
        known = reader.known(row) if reader is not None and row < reader.count else None
        event = known[0] if known else None
        if event is not self._page.event:
            self._page.event = event
            self.query_one("#details", Listing).scroll_to(y=0, animate=False, immediate=True)
            if reader is not None and event is not None:
                self._ask_anchor(reader, reader.place(row))
        self.query_one("#details", Listing).show()

    @work(group="anchor", exclusive=True, exit_on_error=False)
    async def _ask_anchor(self, reader: TrailReader, place: int) -> None:
        self._page.in_last_volume = place >= reader.total - reader.last_size
        self._page.is_anchored = await reader.anchored(place)
        self.query_one("#details", Listing).show()

    # -- searching -------------------------------------------------------------------------------------------------

    def action_ask(self) -> None:
        """Type what to look for."""
        self.add_class("-asking")
        line = self.query_one("#question", Input)
        line.value = self._page.question
        line.placeholder = "words   by:NAME incident:ID scope:class:NAME halt:ID kind:halt. since:7d"
        line.focus()

    @on(Input.Submitted, "#question")
    def _asked(self, event: Input.Submitted) -> None:
        self._stop_asking()
        self.search(event.value.strip())

    @property
    def settled(self) -> bool:
        """Whether the trail was looked at, and every row in view was read."""
        reader = self._page.reader
        if not self._whole or reader is None or not reader.looked:
            return False
        rows = self.query_one(LongList).in_view
        return bool(rows) and all(row < reader.count and reader.known(row) is not None for row in rows)

    @property
    def searching(self) -> bool:
        """Whether a search is under way."""
        return self._page.reader is not None and self._page.reader.left > 0

    def _stop_asking(self) -> None:
        self.remove_class("-asking")
        self.query_one(LongList).focus()

    def search(self, question: str) -> None:
        """Show only what is like this; nothing shows everything."""
        reader = self._page.reader
        if reader is None:
            return
        try:
            self._page.wanted = read_question(question, self.now)
        except Unclear as error:
            self._say(str(error), Tone.WARN)
            return
        self._page.question, self._page.said = question, BLANK
        self.workers.cancel_group(self, "search")
        if self._page.wanted.whole:
            self._page.question = ""
            reader.everything()
            self.query_one(LongList).reset(reader.count)
            self._paint()
        else:
            reader.nothing_yet()
            self.query_one(LongList).reset(0)
            self._search(reader)

    @work(group="search", exclusive=True, exit_on_error=False)
    async def _search(self, reader: TrailReader) -> None:
        listing = self.query_one(LongList)
        first = True

        def tell() -> None:
            nonlocal first
            if first and reader.count:
                listing.reset(reader.count)
                first = False
            else:
                listing.resize(reader.count)
            self._paint()

        try:
            await reader.find(self._page.wanted, tell)
        except TrailUnavailable as error:
            self._page.problem = str(error)
        self._paint()

    def action_like(self, field: str) -> None:
        """Only events like the one under the cursor; or, once more, not only those."""
        value = self._page.value_of(field)
        if not value:
            self._say(f"this event names no {'person' if field == 'by' else field}", Tone.WARN)
            return
        self.search(worded(self._page.question, field, value))

    def action_clear(self) -> None:
        """Everything again."""
        self.search("")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only what makes sense now."""
        del parameters
        return not (action in ("verify", "export", "ask", "details") and self._page.reader is None)

    # -- commands --------------------------------------------------------------------------------------------------

    @work(group="verify", exit_on_error=False)
    async def action_verify(self) -> None:
        """Verify all of it, in a process of its own."""
        if self._configuration is None or self._page.checked.running:
            return
        self._page.checked = audit.Checked(running=True)
        self._paint()
        offline = self.state.drill  # a drill asks nobody outside
        self._page.checked = await trail_commands.verify(self._configuration.path, self.now, offline=offline)
        self._paint()

    def action_export(self) -> None:
        """Ask for a format and a file."""
        what = f"events like: {self._page.question}" if self._page.question else "every event"
        named = self._page.wanted.halt or self._page.wanted.incident or "audit"
        stem = "".join(c if c.isalnum() or c in "-._" else "-" for c in f"{named}-{self.now:%Y%m%d-%H%M%S}")

        def answered(wanted: Wanted | None) -> None:
            if wanted is not None:
                self._export(wanted)

        self.app.push_screen(ExportDialog(what=what, name=stem), answered)

    @work(group="export", exit_on_error=False)
    async def _export(self, wanted: Wanted) -> None:
        if self._configuration is None:
            return
        path = Path(wanted.path).expanduser().absolute()  # noqa: ASYNC240  (asks no disk)
        try:
            written = await trail_commands.export(
                self._configuration.path, self._page.wanted, kind=wanted.format, path=path
            )
        except trail_commands.NotExported as error:
            self._say(f"not exported: {error}", Tone.BAD)
        else:
            self._say(f"{written} exported to {path}", Tone.OK)

    # -- keys ------------------------------------------------------------------------------------------------------

    @on(LongList.Entered)
    def action_details(self) -> None:
        """Show the details instead of the list, or again beside or behind it."""
        self.toggle_class("-details")
        shown = self.has_class("-details")
        (self.query_one("#details") if shown else self.query_one(LongList)).focus()

    def action_back(self) -> None:
        """From the question or the details to the list; from the list to where one came from."""
        if self.has_class("-asking"):
            self._stop_asking()
        elif self.has_class("-details"):
            self.action_details()
        else:
            super().action_back()


PLACE = Place(
    name="audit",
    key="3",
    title="Audit",
    summary="the audit trail: search, look into, verify, export",
    open=AuditScreen,
)
