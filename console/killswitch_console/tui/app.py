"""The app: a face of the halting engine. It shows, asks, and hands work to the engine's thread; it does none itself.

The engine's events come in through an inbox, at most ten times a second; nothing on the screen can hold the engine up.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from typing import ClassVar, Final, TypeVar

from textual import work
from textual.app import App
from textual.binding import Binding, BindingType
from textual.driver import Driver
from textual.message import Message
from textual.screen import Screen
from textual.timer import Timer

from killswitch_console.authority.invoker import current_invoker
from killswitch_console.config import Configuration
from killswitch_console.halting.engine import Engine, EngineSettings, LedgerNeeded, utc_now
from killswitch_console.halting.events import EngineEvent
from killswitch_console.halting.ledger import LedgerError
from killswitch_console.halting.record import HaltRecord
from killswitch_console.halting.recording import RecordingNeeded, ScreenRecording
from killswitch_console.halting.thread import EngineThread
from killswitch_console.hostile import clean
from killswitch_console.tui import announcing, ending, keeping, keymap, terminal, themes
from killswitch_console.tui.driver import TerminalDriver
from killswitch_console.tui.inbox import Inbox
from killswitch_console.tui.invoking import Invoking
from killswitch_console.tui.last_frame import FirstFrame
from killswitch_console.tui.lines.spans import Tone
from killswitch_console.tui.model import Grouping
from killswitch_console.tui.palette import Entry
from killswitch_console.tui.places import Place, Places
from killswitch_console.tui.port import EngineMaker
from killswitch_console.tui.screens.base import ConsoleScreen
from killswitch_console.tui.screens.fleet import FleetScreen
from killswitch_console.tui.screens.halt import HaltScreen
from killswitch_console.tui.screens.help import HelpDialog
from killswitch_console.tui.screens.leave import LeaveDialog
from killswitch_console.tui.screens.palette import PaletteDialog
from killswitch_console.tui.screens.plan import PlanScreen
from killswitch_console.tui.screens.restore import RestoreScreen
from killswitch_console.tui.signals import ending_signals
from killswitch_console.tui.signing import SignBoard
from killswitch_console.tui.state import ConsoleState
from killswitch_inventory.agents import AgentKey
from killswitch_inventory.scopes import Scope

_T = TypeVar("_T")

_LOG_TONES: Final = {"information": Tone.PLAIN, "warning": Tone.WARN, "error": Tone.BAD}

FRESHEN_SECONDS: Final = 0.1
"""The least time between two looks into the inbox: ten frames a second at most."""

KEEP_SECONDS: Final = 60.0
"""How often what is known is kept for the next session."""

CLOCK_SECONDS: Final = 1.0
"""How often ages and clocks move when nothing happens."""


class ConsoleApp(App[int]):
    """The console on a terminal."""

    ENABLE_COMMAND_PALETTE = False
    recording: ScreenRecording | None = None
    """What takes down everything this app writes to the terminal, if it is to be recorded."""

    TITLE = "killswitch-console"
    CSS_PATH: ClassVar = ["app.tcss", "screens/fleet.tcss"]  # Textual does not load the styles of a default screen
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(str(n), f"place('{n}')", show=False, id=f"place.{n}") for n in range(1, 10)),
        Binding("o", "open", "Open what is held", show=False, id="app.open"),
        Binding("colon", "palette", "Command", id="app.palette"),
        Binding("y", "copy", "Copy", show=False, id="app.copy"),
        Binding("question_mark", "help", "Help", id="app.help"),
        Binding("q", "leave", "Quit", id="app.leave"),
    ]

    class News(Message):
        """The engine has something to say; bursts collapse into one."""

        def can_replace(self, message: Message) -> bool:
            """One piece of news is as good as another."""
            return isinstance(message, ConsoleApp.News)

    def __init__(
        self,
        state: ConsoleState,
        make_engine: EngineMaker,
        *,
        now: Callable[[], datetime] = utc_now,
        theme: str | None = None,
        driver: type[Driver] = TerminalDriver,
    ) -> None:
        """Prepare the app; its engine starts once the first frame is painted."""
        plain = theme == terminal.PLAIN_THEME
        super().__init__(driver_class=driver, ansi_color=True if plain else None)
        themes.register(self)
        if theme is not None:
            self.theme = theme
        self.state = state
        self.now = now
        self.places = Places(read_only=state.read_only)
        self.signs = SignBoard()
        self.invoking = Invoking(self)
        self.inbox = Inbox(self._wake)
        self.engine = make_engine(self.inbox.put)
        self._breached: set[str] = set()
        self._keep_at = 0.0
        self.defect: Exception | None = None
        """What ended the app, if that was an error of its own."""
        self._engine_ready = asyncio.Event()
        self._running_loop: asyncio.AbstractEventLoop | None = None
        self._soon: Timer | None = None
        self._freshened = 0.0
        self._leaving = False

    def get_default_screen(self) -> Screen[None]:
        """The fleet is at the bottom of every stack of screens."""
        return FleetScreen()

    # -- the engine ------------------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        """Paint first, then start the engine."""
        self._running_loop = asyncio.get_running_loop()
        self.set_interval(CLOCK_SECONDS, self._tick, name="clock")
        self.set_keymap(self.state.keys)
        self.call_after_refresh(self._start_engine)
        self.call_after_refresh(self._find_parts)

    @work(group="parts")
    async def _find_parts(self) -> None:
        """Import what stands around and beside the first screen, now that that is painted; then keep signs fresh."""
        await asyncio.to_thread(self.signs.load)
        self.freshen()
        await asyncio.to_thread(self.places.load)
        for place in self.places.known:
            if not place.key.isdigit():
                self.bind(place.key, f"place('{place.key}')", description=place.title, show=False)
        for broken in (*self.signs.broken, *self.places.broken):
            self.tell(f"{broken.module} cannot be shown: {broken.why}", wrong=True)
        if unknown := keymap.unknown(self.state.keys, [type(self), *map(type, self.screen_stack)]):
            self.tell(f"[keys] names no key of the console: {', '.join(unknown)}", wrong=True)
        self.screen.refresh_bindings()
        self.freshen()
        await self.signs.keep_asking(lambda question, name: self.ask(question, name=name), self.freshen)

    @work(group="engine")
    async def _start_engine(self) -> None:
        try:
            await asyncio.to_thread(self.engine.start)
        except Exception as error:  # noqa: BLE001  (whatever it is, a person must read it; there is nothing to halt with)
            self.state.problem = clean(str(error) or repr(error), most=1000)
            self.freshen()
            return
        self._engine_ready.set()
        await self._load_halts()

    async def _load_halts(self) -> None:
        async def read(engine: Engine) -> list[HaltRecord]:
            return await engine.records()

        try:
            self.state.book.load(await self.ask(read, name="read the ledger"))
        except (LedgerError, LedgerNeeded) as error:
            self.state.book.problem = str(error)
        self.freshen()

    async def ask(self, question: Callable[[Engine], Awaitable[_T]], *, name: str) -> _T:
        """Have the engine answer; waits until it has started. For questions only: leaving a screen may cancel them."""
        await self._engine_ready.wait()
        return await asyncio.wrap_future(self.engine.submit(question, name=name))

    def _wake(self) -> None:
        """Called in the engine's thread when the inbox is no longer empty."""
        self.in_loop(self._hear)

    def _hear(self) -> None:
        self.post_message(self.News())

    def on_console_app_news(self) -> None:
        """Take the news in soon: at once after a quiet time, else with the next frame."""
        if self._soon is None:
            wait = max(0.001, self._freshened + FRESHEN_SECONDS - time.monotonic())
            self._soon = self.set_timer(wait, self._take_news, name="news")

    def _take_news(self) -> None:
        self._soon = None
        if self._leaving:
            return  # what waits stays in the inbox for whoever takes it last
        self._freshened = time.monotonic()
        events = self.inbox.take()
        for text in self.state.apply(events):
            self.tell(text, wrong=True)
        self.state.log.take(events, self.now())
        self._announce(events)
        self.freshen()

    def _announce(self, events: list[EngineEvent]) -> None:
        """Say what happened to whoever is not looking at it."""
        shown = self.screen.halt_id if isinstance(self.screen, HaltScreen) else ""
        self._say(announcing.announcements(events, self.state.book, shown))

    def _tick(self) -> None:
        """Ages and timers move on, whatever happens; an objective may be overrun by now."""
        self._say(announcing.breaches(self.state.book, self.now(), self._breached))
        self.freshen()
        if time.monotonic() >= self._keep_at and len(self.state.fleet) and not self.state.listing:
            self._keep_at = time.monotonic() + KEEP_SECONDS
            self._keep()

    @work(group="keep", exclusive=True)
    async def _keep(self) -> None:
        """Keep what is known of the fleet for the first frame of the next session."""
        if self.state.state_dir is not None:
            known = keeping.known_now(self.state.fleet, self.now().timestamp())
            await asyncio.to_thread(keeping.keep_quietly, self.state.state_dir, known)

    def _say(self, said: list[announcing.Announcement]) -> None:
        """Ring once, whatever it was, and show and keep each."""
        if any(one.rings for one in said):
            self.bell()
        for one in said:
            if one.text:
                self.state.log.note(self.now(), one.text, _LOG_TONES[one.severity])
                self.notify(clean(one.text, most=300), severity=one.severity, markup=False)

    def tell(self, text: str, *, wrong: bool) -> None:
        """Say something on whatever screen is shown, and keep it in the log."""
        self.state.log.note(self.now(), text, Tone.WARN if wrong else Tone.PLAIN)
        self.notify(clean(text, most=300), severity="warning" if wrong else "information", markup=False)

    def in_loop(self, act: Callable[[], None]) -> None:
        """Do something in the app's loop, from any thread; nothing once it has ended."""
        if self._running_loop is not None:
            with suppress(RuntimeError):  # the screen has ended; the engine goes on without one
                self._running_loop.call_soon_threadsafe(act)

    def freshen(self) -> None:
        """Have the screen that is on top, or under a dialog, show what is known now."""
        if self._leaving:
            return
        screen = next((s for s in reversed(self.screen_stack) if isinstance(s, ConsoleScreen)), None)
        if screen is not None:
            screen.freshen()

    # -- screens ---------------------------------------------------------------------------------------------------

    def open_plan(self, *scopes: Scope) -> None:
        """Plan a halt of a scope, or of several at once."""
        if self.state.read_only:
            self.bell()
        else:
            self.push_screen(PlanScreen(scopes))

    def open_halt(self, halt_id: str, scope: Scope) -> None:
        """Look at one halt."""
        self.push_screen(HaltScreen(halt_id, scope))

    def open_restore(self, halt_id: str) -> None:
        """Ask for what the restore of a halt needs."""
        halt = self.state.book.get(halt_id)
        if halt is None or halt.phase.under_way or not halt.held or self.state.read_only:
            self.bell()
        else:
            self.push_screen(RestoreScreen(halt))

    def action_place(self, key: str) -> None:
        """To the place that a key leads to."""
        if (place := self.places.by_key(key)) is None:
            self.bell()
        else:
            self.go(place)

    def go(self, place: Place) -> None:
        """To a place: a dialog opens over what is shown; Esc on a screen leads back to the fleet."""
        if isinstance(self.screen, ConsoleScreen) and self.screen.place == place.name:
            return
        screen = place.open()
        if isinstance(screen, ConsoleScreen):
            screen.place = place.name
        if not screen.is_modal:
            self.action_fleet()
        if not isinstance(screen, FleetScreen):
            self.push_screen(screen)

    def action_fleet(self) -> None:
        """To the fleet."""
        while len(self.screen_stack) > 1:
            self.pop_screen()

    def action_halts(self) -> None:
        """To the list of halts."""
        if (place := self.places.by_name("halts")) is not None:
            self.go(place)

    def action_open(self) -> None:
        """To the halt that is under way, or the list of those that are held."""
        busy = self.state.book.under_way()
        if isinstance(self.screen, HaltScreen):
            return
        if busy:
            self.open_halt(busy[0].header.halt_id, busy[0].header.scope)
        else:
            self.action_halts()

    def action_palette(self) -> None:
        """Any command, by typing it."""
        self.push_screen(PaletteDialog(self.screen), self._run_entry)

    def _run_entry(self, entry: Entry | None) -> None:
        if entry is not None:
            entry.run(self)

    def press_below(self, key: str) -> None:
        """Do what a key does on the screen that is shown."""
        self.simulate_key(key)

    def group_by(self, grouping: Grouping) -> None:
        """To the fleet, grouped by something."""
        self._at_the_fleet().group_by(grouping)

    def filter_by(self, text: str) -> None:
        """To the fleet, filtered."""
        self._at_the_fleet().filter_by(text)

    def show_agent(self, key: AgentKey) -> None:
        """To the fleet, the cursor on an agent."""
        self._at_the_fleet().show_node(key)

    def _at_the_fleet(self) -> FleetScreen:
        self.action_fleet()
        assert isinstance(self.screen, FleetScreen)  # noqa: S101  (it is at the bottom of every stack)
        return self.screen

    def action_copy(self) -> None:
        """Copy what the screen is about to the clipboard of the terminal (OSC 52, also over SSH)."""
        text = clean(self.screen.copied() if isinstance(self.screen, ConsoleScreen) else "", most=2000)
        if text:
            self.copy_to_clipboard(text)
            self.tell(f"copied: {text}", wrong=False)
        else:
            self.bell()

    def action_help(self) -> None:
        """Help for the screen that is shown."""
        here = self.screen.HELP_LINES if isinstance(self.screen, ConsoleScreen) else ()
        self.push_screen(HelpDialog(here, self.places.load()))

    # -- leaving ---------------------------------------------------------------------------------------------------

    def action_leave(self) -> None:
        """Leave; ask first while a halt or a restore is under way."""
        if not self.state.busy:
            self.exit(0)
            return

        def answered(leave: bool | None) -> None:
            if leave:
                self.exit(0)

        self.push_screen(LeaveDialog(), answered)

    async def action_quit(self) -> None:
        """Textual's own key for leaving asks as well."""
        if not isinstance(self.screen, LeaveDialog):
            self.action_leave()

    def end(self, status: int) -> None:
        """End the screen from any thread or signal handler; the engine's work runs to its end."""
        self.in_loop(lambda: self._end(status))

    def _end(self, status: int) -> None:
        self.exit(status, return_code=status)

    async def _shutdown(self) -> None:
        """Freshen nothing any more: widgets are taken away one by one from here on."""
        self._leaving = True
        await super()._shutdown()

    def _handle_exception(self, error: Exception) -> None:
        """Keep a defect's traceback from people who did not ask for it."""
        super()._handle_exception(error)
        self.defect = error
        if not self.is_headless:
            self._exit_renderables.clear()


def run_app(
    settings: EngineSettings,
    configuration: Configuration | None = None,
    *,
    read_only: bool = False,
    mouse: bool = True,
    wall: bool = False,
    theme: str | None = None,
    debug: bool = False,
    first_frame: FirstFrame | None = None,
) -> int:
    """Show the console until the person leaves it or a signal ends it; return the exit status.

    A halt or a restore under way then runs to its end before this returns. With ``debug`` a defect of the app is raised
    instead of being told in one line. With ``read_only`` the engine's port refuses whatever would change something.
    With ``wall`` it is shown in a browser (``serving``), always read-only, and not recorded: nothing can be done there.
    """
    read_only = read_only or wall
    if not wall and (why := terminal.why_no_screen()):
        ending.say(why)
        return 2
    state = ConsoleState(
        settings.environment,
        current_invoker(),
        settings.objectives,
        layers=settings.layers,
        two_person=settings.two_person,
        drill=settings.drill,
        read_only=read_only,
        state_dir=None if settings.drill else settings.state_dir,
        keys=dict(configuration.document.keys) if configuration is not None else {},
        configuration=configuration,
    )
    threads: list[EngineThread] = []

    def make_engine(publish: Callable[[EngineEvent], None]) -> EngineThread:
        threads.append(EngineThread(settings, publish, read_only=read_only))
        return threads[0]

    app = ConsoleApp(
        state, make_engine, theme=_theme(configuration, theme), driver=_wall_driver() if wall else TerminalDriver
    )
    try:
        app.recording = settings.screen(*shutil.get_terminal_size()) if settings.screen and not wall else None
    except RecordingNeeded as error:
        ending.say(str(error))
        return 2
    with ending_signals(app.end):
        try:
            if first_frame is not None:
                first_frame.take_over()
            app.run(mouse=mouse)
        finally:
            ending.finish(state, app.inbox, threads[0])
    if app.defect is not None:
        if debug:
            raise app.defect
        ending.say(f"internal error in the screen: {clean(repr(app.defect))} (--debug shows where)")
        return 1
    return app.return_code or 0


def _theme(configuration: Configuration | None, given: str | None) -> str | None:
    configured = configuration.document.theme if configuration is not None else None
    return terminal.theme(given=given, configured=configured)


def _wall_driver() -> type[Driver]:
    from killswitch_console.tui.wall import WallDriver

    return WallDriver
