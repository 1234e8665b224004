"""The facilitator's desk on a full screen: a face of ``Desk``, which lives in the drill's own thread and loop.

Every key becomes a line of the desk, so that what it does is in the log; the screen gets frozen views and asks for one
twice a second, also while the drill's time stands still. It sees what responders do not: ``truth``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Footer, Input

from killswitch_console.drills import desk_drawing as drawing
from killswitch_console.drills.desk_view import DeskView, ScriptRow
from killswitch_console.drills.two_sided_app import TwoSidedApp
from killswitch_console.hostile import clean
from killswitch_console.tui.lines.spans import Line, Tone, heading, plain
from killswitch_console.tui.widgets.field import text_line
from killswitch_console.tui.widgets.listing import Lines, Listing
from killswitch_console.tui.widgets.picklist import PickList

LOOK_SECONDS: Final = 0.5

PANES: Final = ("What happens", "Ground truth", "Objectives and notes")

SPEEDS: Final = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0)

HELP: Final = (
    "n, Enter: bring the inject under the cursor now",
    "h: hold it    s: skip it, with a reason",
    "Space: pause, go on    + -: faster, slower    m: highest speed",
    ". : on to the next inject, then pause",
    "a: add a message (FROM: TEXT)    A: an alert",
    "w: write a note ([OBJECTIVE:] TEXT)    v: rate (OBJECTIVE P|S|M|U)",
    "t: ground truth, objectives with notes, events    : any command of the desk (`add kind=fault ...`)",
    "e: end    x: abort    q: leave, once it is over",
    "F12: THIS IS REAL - responders' consoles leave drill mode at once",
)


class Events(Listing):
    """What happens, the latest in sight unless one scrolled up."""

    def follow(self) -> None:
        """Show what there is now."""
        at_end = self.scroll_offset.y >= self.max_scroll_y
        self.show()
        if at_end:
            self.scroll_end(animate=False, immediate=True)


class DeskApp(TwoSidedApp):
    """The desk's screen. ``submit`` takes its lines, ``look`` asks for a view; both are given before it runs."""

    CSS = f"""
    {TwoSidedApp.CSS}
    #script {{ height: 1fr; min-height: 4; }}
    #chosen {{ height: 2; background: $surface; }}
    #below {{ height: auto; max-height: 40%; overflow-y: auto; }}
    .-wide #left {{ width: 55%; }}
    .-wide #right {{ width: 45%; }}
    #question {{ width: auto; min-width: 10; }}
    """
    # Priority, so that what a key opens has the focus before the next key is looked at (see check_action).
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f12", "real", "REAL", priority=True),
        Binding("n,enter", "now", "Now", priority=True),
        Binding("h", "hold", "Hold", priority=True),
        Binding("s", "skip", "Skip", priority=True),
        Binding("space", "pause", "Pause", priority=True),
        Binding("plus,equals_sign", "speed(1)", "Faster", show=False, priority=True),
        Binding("minus", "speed(-1)", "Slower", show=False, priority=True),
        Binding("m", "line('speed max')", "Max", show=False, priority=True),
        Binding("full_stop", "line('step')", "Step", show=False, priority=True),
        Binding("a", "ask('say', 'message, FROM: TEXT')", "Add", priority=True),
        Binding("A", "ask('alert', 'alert, FROM: TEXT')", "Add an alert", show=False, priority=True),
        Binding("w", "ask('note', 'note, [OBJECTIVE:] TEXT')", "Note", priority=True),
        Binding("v", "ask('rate', 'rate, OBJECTIVE P|S|M|U')", "Rate", priority=True),
        Binding("t", "pane", "Truth", priority=True),
        Binding("colon", "ask('', 'command')", "Command", show=False, priority=True),
        Binding("e", "ask('end', 'end the drill: type yes')", "End", priority=True),
        Binding("x", "ask('abort', 'abort the drill, why')", "Abort", show=False, priority=True),
        Binding("question_mark", "keys", "Keys", key_display="?", priority=True),
        Binding("q", "leave", "Leave", priority=True),
        Binding("escape", "close_question", show=False),
    ]

    def __init__(self, submit: Callable[[str], None], look: Callable[[], None], *, theme: str | None = None) -> None:
        """Prepare; ``submit`` and ``look`` are called in this app's loop and must not block."""
        super().__init__(theme)
        self._submit, self._look = submit, look
        self._loop_here: asyncio.AbstractEventLoop | None = None
        self._command = ""
        self._whole = False
        self._pane = 0
        """Which of ``PANES`` the right side shows."""
        self.view: DeskView | None = None
        self.done = False
        """The drill's thread has ended."""

    def compose(self) -> ComposeResult:
        """Script and expectations on one side, events or truth on the other."""
        yield Lines(self._header, id="header")
        with Vertical(id="body"):
            with Vertical(id="left"):
                yield PickList(self._script, id="script")
                yield Lines(self._chosen, id="chosen")
                with Vertical(id="below"):
                    yield Lines(self._expected, id="expected")
            with Vertical(id="right"):
                yield Lines(lambda width: [heading(self._right_title(), width)], id="right-title")
                yield Events(self._right, id="events")
        with Horizontal(id="asking"):
            yield Lines(self._question, id="question")
            yield text_line(id="typed", most=600)
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        """Look at once, and from then on."""
        self._loop_here, self._whole = asyncio.get_running_loop(), True
        self.set_interval(LOOK_SECONDS, self._look, name="look")
        self.query_one(PickList).focus()
        self._look()
        if self.done:
            self.exit(0)

    # -- from the drill's thread -----------------------------------------------------------------------------------

    def soon(self, act: Callable[[DeskApp], None]) -> None:
        """Do something in this app's loop, from any thread; nothing once it has ended."""
        if self._loop_here is not None:
            with suppress(RuntimeError):
                self._loop_here.call_soon_threadsafe(act, self)

    def show_view(self, view: DeskView) -> None:
        """Show another moment."""
        self.view = view
        if not self._whole:
            return
        for name in ("header", "chosen", "expected", "right-title"):
            self.query_one(f"#{name}", Lines).show()
        self.query_one(PickList).follow()
        self.query_one(Events).follow()

    def say(self, text: str) -> None:
        """Answer to what was typed."""
        self.notify(clean(text, most=600), markup=False, severity="warning" if text.startswith("?") else "information")

    # -- what is drawn ---------------------------------------------------------------------------------------------

    def _header(self, width: int) -> list[Line]:
        return (
            [plain(" the drill begins", Tone.MUTED)]
            if self.view is None
            else drawing.header(self.view, "DRILL DESK", width)
        )

    def _script(self, width: int) -> list[tuple[str, Line]]:
        return [] if self.view is None else drawing.script(self.view, width)

    def _picked(self) -> ScriptRow | None:
        name = self.query_one(PickList).picked
        rows = () if self.view is None else self.view.script
        return next((row for row in rows if row.id == name), None)

    def _chosen(self, width: int) -> list[Line]:
        return drawing.chosen(self._picked(), width)

    def _expected(self, width: int) -> list[Line]:
        return [] if self.view is None else drawing.expected(self.view, width)

    def _right_title(self) -> str:
        return f"{PANES[self._pane]} (t: {PANES[(self._pane + 1) % len(PANES)].lower()})"

    def _right(self, width: int) -> list[Line]:
        if self.view is None:
            return []
        return (drawing.happenings, drawing.truth, drawing.evaluation)[self._pane](self.view, width)

    def _question(self, _: int) -> list[Line]:
        return [plain(f" {self._asked}: ", Tone.STRONG)]

    _asked = ""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While a line is typed into, letters are letters; the way out for a real event stays."""
        del parameters
        return not isinstance(self.focused, Input) or action in ("close_question", "quit", "real")

    # -- keys ------------------------------------------------------------------------------------------------------

    def on_pick_list_picked(self) -> None:
        """Another inject is under the cursor."""
        self.query_one("#chosen", Lines).show()

    def action_line(self, line: str) -> None:
        """Hand a line to the desk."""
        self._submit(line)
        self._look()

    def action_real(self) -> None:
        """A real event: everybody leaves drill mode at once."""
        self.action_line("real")

    def _about_picked(self, line: str) -> None:
        if (row := self._picked()) is not None:
            self.action_line(f"{line} {row.id}")

    def action_now(self) -> None:
        """Bring the inject under the cursor now."""
        self._about_picked("now")

    def action_hold(self) -> None:
        """Keep it back."""
        self._about_picked("hold")

    def action_skip(self) -> None:
        """Leave it out; asks why."""
        if (row := self._picked()) is not None:
            self.action_ask(f"skip {row.id}", f"skip {row.id}, why")

    def action_pause(self) -> None:
        """Hold time, or let it run."""
        paused = self.view is not None and self.view.speed == 0
        self.action_line("go" if paused else "pause")

    def action_speed(self, by: int) -> None:
        """Faster or slower by one step."""
        now = self.view.speed if self.view is not None and self.view.speed else 1.0
        nearest = min(range(len(SPEEDS)), key=lambda place: abs(SPEEDS[place] - now))
        self.action_line(f"speed {SPEEDS[max(0, min(nearest + by, len(SPEEDS) - 1))]:g}")

    def action_pane(self) -> None:
        """Events, what agents really do, or objectives with what was noted."""
        self._pane = (self._pane + 1) % len(PANES)
        self.query_one("#right-title", Lines).show()
        self.query_one(Events).show()

    def action_keys(self) -> None:
        """Every key."""
        self.notify("\n".join(HELP), title="Keys", timeout=20, markup=False)

    def action_ask(self, command: str, question: str) -> None:
        """Open the line to type into."""
        self._command, self._asked = command, question
        self.query_one("#asking").display = True
        label = self.query_one("#question", Lines)
        label.styles.width = len(question) + 3
        label.show()
        typed = self.query_one("#typed", Input)
        typed.value = ""
        self.screen.set_focus(typed)  # at once: what is typed next is the answer

    def action_close_question(self) -> None:
        """Leave it unanswered."""
        self.query_one("#asking").display = False
        self.screen.set_focus(self.query_one(PickList))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """What was typed becomes a line of the desk."""
        typed = event.value.strip()
        self.action_close_question()
        if self._command == "end":
            if typed == "yes":
                self.action_line("end")
        elif typed:
            self.action_line(f"{self._command} {typed}".strip())

    def action_leave(self) -> None:
        """Leave once the drill is over."""
        over = self.view is not None and (self.view.over or not self.view.began)
        if not over:
            self.say("? the drill goes on; end it first (e), or abort it (x)")
            return
        self.action_line("quit" if self.view is not None and self.view.began else "abort nobody came")

    async def action_quit(self) -> None:
        """Textual's own key for leaving is ours."""
        self.action_leave()

    def end(self, status: int) -> None:
        """A signal: the desk is gone, and the drill with it. From any thread."""
        del status
        self._submit("abort the facilitator's terminal was closed")
        self._submit("quit")
