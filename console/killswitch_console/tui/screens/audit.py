"""The audit trail: every event, the newest first, to search, to look into, to verify, to export.

The trail may hold a million events: rows are read by pages in a thread, searches tell what they found as they go, and
verifying and exporting are commands in processes of their own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import ClassVar, Final

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input

from killswitch_console.audit.asking import FIELDS, Unclear, read_question, worded
from killswitch_console.audit.assembling import trail_directory
from killswitch_console.audit.events import Event
from killswitch_console.audit.reading import Selection
from killswitch_console.audit.storage import TrailUnavailable
from killswitch_console.config import Configuration
from killswitch_console.hostile import clean
from killswitch_console.tui.lines import audit
from killswitch_console.tui.lines.spans import BLANK, Line, Tone, plain, wrapped
from killswitch_console.tui.own_commands import Ran, run_own
from killswitch_console.tui.places import Place
from killswitch_console.tui.screens.audit_export import ExportDialog, Wanted
from killswitch_console.tui.screens.base import ConsoleScreen
from killswitch_console.tui.trail_reader import TrailReader
from killswitch_console.tui.widgets.field import text_line
from killswitch_console.tui.widgets.listing import Lines, Listing
from killswitch_console.tui.widgets.long_list import LongList

_OPTIONS: Final = {name: f"--{word}" for word, name in FIELDS.items()} | {"text": "--text"}
"""How the command line calls the parts of a selection."""


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
        self._reader: TrailReader | None = None
        self._question = ""
        self._wanted = Selection()
        self._checked = audit.Checked()
        self._event: Event | None = None
        self._is_anchored: bool | None = None
        self._problem = ""
        self._said: Line = BLANK
        """What came of the last key, until the next."""
        self._looking = False

    @property
    def _configuration(self) -> Configuration | None:
        return self.state.configuration

    def body(self) -> ComposeResult:
        """How the trail stands, the question, the list beside the details."""
        yield Lines(self._standing, id="standing")
        yield text_line(id="question", most=500)
        with Horizontal(id="middle"):
            with Vertical(id="left"):
                yield Lines(self._columns, id="columns")
                yield LongList(self._row, audit.coming, id="events")
                yield Listing(self._empty, id="empty")
            yield Listing(self._details, id="details")

    def on_mount(self) -> None:
        """Keys go to the list; the trail is looked at."""
        super().on_mount()
        self.query_one(LongList).focus()
        if (configuration := self._configuration) is not None:
            document = configuration.document.audit
            sinks = tuple(name for name in ("s3", "otlp", "webhook") if getattr(document, name) is not None)
            self._reader = TrailReader(trail_directory(configuration), sinks)
            self._look()

    async def on_unmount(self) -> None:
        """Let go of the files."""
        if self._reader is not None:
            await self._reader.close()

    # -- lines -----------------------------------------------------------------------------------------------------

    def _standing(self, width: int) -> list[Line]:
        reader = self._reader
        if reader is None or not reader.looked:
            return [plain(" Audit trail", Tone.ACCENT)]
        lines = audit.state(reader.standing, self._checked, self.now, width)
        if self._problem:
            lines += wrapped(clean(self._problem, most=300), width - 2, tone=Tone.BAD, indent=" ")
        if self._said:
            lines.append(self._said)
        if self._question:
            lines.append(audit.searching(self._question, reader.count, reader.left, reader.total))
        return lines

    def _columns(self, width: int) -> list[Line]:
        return [audit.header(width)] if self._any else []

    @property
    def _any(self) -> bool:
        return self._reader is not None and self._reader.count > 0

    def _row(self, number: int, width: int) -> Line | None:
        reader = self._reader
        if reader is None or number >= reader.count or (known := reader.known(number)) is None:
            return None
        return audit.row(known[0], width) if known[0] is not None else audit.gone(width)

    def _empty(self, width: int) -> list[Line]:
        reader, room = self._reader, width - 4
        if reader is None:
            said = [plain("There is no configuration, so there is no trail to read", Tone.MUTED)]
        elif not reader.looked or reader.left:
            said = [plain("Reading the trail" if not self._question else "Searching", Tone.MUTED)]
        elif reader.standing.problem and not reader.total:
            said = [plain("The trail cannot be read", Tone.BAD), *wrapped(clean(reader.standing.problem), room)]
        elif self._question:
            said = [plain("Nothing in the trail is like that", Tone.MUTED), plain("c shows everything again")]
        else:
            said = [plain("Nothing was recorded yet", Tone.MUTED)]
        return [BLANK, *((("  ", Tone.PLAIN), *line) for line in said)]

    def _details(self, width: int) -> list[Line]:
        reader = self._reader
        if self._event is None or reader is None:
            return []
        signed = self._event.seq <= _signed_of(reader) if self._in_last_volume else True
        return audit.details(self._event, signed=signed, anchored=self._is_anchored, width=width - 1)

    _in_last_volume = True

    def _say(self, text: str, tone: Tone) -> None:
        self._said = plain(f" {clean(text, most=300)}", tone)
        self._paint()

    # -- keeping fresh ---------------------------------------------------------------------------------------------

    def freshen_body(self) -> None:
        """Show how the trail stands; look whether it has grown."""
        self._paint()
        self._look()

    def _paint(self) -> None:
        some = self._any
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
        reader = self._reader
        if reader is None or self._looking:
            return
        self._looking = True
        try:
            before = reader.total
            came = await reader.look()
            if self._question and came > 0 and not reader.left:
                came = await reader.find_more(self._wanted, before)
            self._paint()
            if came and not (self._question and reader.left):
                self.query_one(LongList).resize(reader.count, shift=max(0, came if before else 0))
                self._follow()
        except TrailUnavailable as error:
            self._problem = str(error)
        finally:
            self._looking = False

    @on(LongList.Missing)
    def _missing(self, event: LongList.Missing) -> None:
        self._fetch(range(event.first, event.last))

    @work(group="fetch", exclusive=True, exit_on_error=False)
    async def _fetch(self, rows: range) -> None:
        """Read rows that are in view; only where the list came to rest counts."""
        if self._reader is None:
            return
        try:
            await self._reader.fetch(rows)
            self._problem = ""
        except TrailUnavailable as error:
            self._problem = str(error)
            self._paint()
        self.query_one(LongList).show()
        self._follow()

    @on(LongList.Moved)
    def _follow(self) -> None:
        """Show the event under the cursor."""
        reader, row = self._reader, self.query_one(LongList).cursor
        known = reader.known(row) if reader is not None and row < reader.count else None
        event = known[0] if known else None
        if event is not self._event:
            self._event = event
            self.query_one("#details", Listing).scroll_to(y=0, animate=False, immediate=True)
            if reader is not None and event is not None:
                self._ask_anchor(reader, reader.place(row))
        self.query_one("#details", Listing).show()

    @work(group="anchor", exclusive=True, exit_on_error=False)
    async def _ask_anchor(self, reader: TrailReader, place: int) -> None:
        self._in_last_volume = place >= reader.total - reader.last_size
        self._is_anchored = await reader.anchored(place)
        self.query_one("#details", Listing).show()

    # -- searching -------------------------------------------------------------------------------------------------

    def action_ask(self) -> None:
        """Type what to look for."""
        self.add_class("-asking")
        line = self.query_one("#question", Input)
        line.value = self._question
        line.placeholder = "words   by:NAME incident:ID scope:class:NAME halt:ID kind:halt. since:7d"
        line.focus()

    @on(Input.Submitted, "#question")
    def _asked(self, event: Input.Submitted) -> None:
        self._stop_asking()
        self.search(event.value.strip())

    @property
    def settled(self) -> bool:
        """Whether the trail was looked at, and every row in view was read."""
        reader = self._reader
        if not self._whole or reader is None or not reader.looked:
            return False
        rows = self.query_one(LongList).in_view
        return bool(rows) and all(row < reader.count and reader.known(row) is not None for row in rows)

    @property
    def searching(self) -> bool:
        """Whether a search is under way."""
        return self._reader is not None and self._reader.left > 0

    def _stop_asking(self) -> None:
        self.remove_class("-asking")
        self.query_one(LongList).focus()

    def search(self, question: str) -> None:
        """Show only what is like this; nothing shows everything."""
        reader = self._reader
        if reader is None:
            return
        try:
            self._wanted = read_question(question, self.now)
        except Unclear as error:
            self._say(str(error), Tone.WARN)
            return
        self._question, self._said = question, BLANK
        self.workers.cancel_group(self, "search")
        if self._wanted.whole:
            self._question = ""
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
            await reader.find(self._wanted, tell)
        except TrailUnavailable as error:
            self._problem = str(error)
        self._paint()

    def action_like(self, field: str) -> None:
        """Only events like the one under the cursor; or, once more, not only those."""
        value = _value_of(self._event, field)
        if not value:
            self._say(f"this event names no {'person' if field == 'by' else field}", Tone.WARN)
            return
        self.search(worded(self._question, field, value))

    def action_clear(self) -> None:
        """Everything again."""
        self.search("")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only what makes sense now."""
        del parameters
        return not (action in ("verify", "export", "ask", "details") and self._reader is None)

    # -- commands --------------------------------------------------------------------------------------------------

    @work(group="verify", exit_on_error=False)
    async def action_verify(self) -> None:
        """Verify all of it, in a process of its own."""
        if self._configuration is None or self._checked.running:
            return
        self._checked = audit.Checked(running=True)
        self._paint()
        offline = ("--offline",) if self.state.drill else ()  # a drill asks nobody outside
        try:
            ran = await run_own(self._configuration.path, "audit", "verify", "--json", *offline)
        except OSError as error:
            self._checked = audit.Checked(problem=str(error))
        else:
            self._checked = _read_verdict(ran, self.now)
        self._paint()

    def action_export(self) -> None:
        """Ask for a format and a file."""
        what = f"events like: {self._question}" if self._question else "every event"
        named = self._wanted.halt or self._wanted.incident or "audit"
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
        words = ("audit", "export", "--format", wanted.format, "--output", str(path), *_options(self._wanted))
        try:
            ran = await run_own(self._configuration.path, *words)
        except OSError as error:
            self._say(f"not exported: {error}", Tone.BAD)
            return
        if ran.code:
            self._say(f"not exported: {ran.said}", Tone.BAD)
        else:
            self._say(f"{ran.said} exported to {path}", Tone.OK)

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


def _read_verdict(ran: Ran, at: datetime) -> audit.Checked:
    """What ``audit verify --json`` said."""
    try:
        document = json.loads(ran.out)
    except ValueError:
        return audit.Checked(problem=ran.said)
    parts = [*document["volumes"], *document["platforms"]]
    findings = tuple(f"{found['where']}: {found['what']}" for part in parts for found in part["findings"])
    return audit.Checked(standing=document["standing"], findings=findings, at=at)


def _signed_of(reader: TrailReader) -> int:
    """How many events of the last volume are signed."""
    return reader.last_size - reader.standing.unsigned


def _value_of(event: Event | None, field: str) -> str:
    """What an event says of a field that is searched by."""
    if event is None:
        return ""
    try:
        body = event.fields
        data = body["data"] if isinstance(body["data"], dict) else {}
        return str({"by": body["actor"], "scope": data.get("scope")}.get(field, body.get(field)) or "")
    except (ValueError, KeyError):
        return ""


def _options(wanted: Selection) -> Sequence[str]:
    """A selection as options of ``audit export``; ``=`` keeps a value that begins with a dash a value."""
    given = {field.name: getattr(wanted, field.name) for field in fields(wanted)}
    return [f"{_OPTIONS[name]}={value}" for name, value in given.items() if value is not None]


PLACE = Place(
    name="audit",
    key="3",
    title="Audit",
    summary="the audit trail: search, look into, verify, export",
    open=AuditScreen,
)
