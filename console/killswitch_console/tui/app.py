"""The app: a face of the halting engine. It shows, asks, and hands work to the engine's thread; it does none itself.

The engine's events come in through an inbox, at most ten times a second; nothing on the screen can hold the engine up.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from typing import ClassVar, Final, TypeVar

from textual import events, work
from textual.binding import Binding, BindingType
from textual.driver import Driver
from textual.message import Message
from textual.screen import Screen
from textual.timer import Timer

from killswitch_console.halting.engine import Engine, LedgerNeeded, utc_now
from killswitch_console.halting.events import EngineEvent
from killswitch_console.halting.ledger import LedgerError
from killswitch_console.halting.record import HaltRecord
from killswitch_console.halting.recording import ScreenRecording
from killswitch_console.hostile import clean
from killswitch_console.tui import announcing, keeping, keymap, terminal, themes
from killswitch_console.tui.driver import TerminalDriver
from killswitch_console.tui.inbox import Inbox
from killswitch_console.tui.invoking import Invoking
from killswitch_console.tui.lines.spans import Tone
from killswitch_console.tui.navigating import Navigating
from killswitch_console.tui.pacing import Pace
from killswitch_console.tui.painting import Painting
from killswitch_console.tui.places import Places
from killswitch_console.tui.port import EngineMaker
from killswitch_console.tui.screens.base import ConsoleScreen
from killswitch_console.tui.screens.fleet import FleetScreen
from killswitch_console.tui.screens.halt import HaltScreen
from killswitch_console.tui.screens.leave import LeaveDialog
from killswitch_console.tui.signing import SignBoard
from killswitch_console.tui.state import ConsoleState
from killswitch_console.tui.sure_timers import SureTimers

_T = TypeVar("_T")

_LOG_TONES: Final = {"information": Tone.PLAIN, "warning": Tone.WARN, "error": Tone.BAD}

KEEP_SECONDS: Final = 60.0
"""How often what is known is kept for the next session."""

CLOCK_SECONDS: Final = 1.0
"""How often ages and clocks move when nothing happens."""


class ConsoleApp(SureTimers, Painting, Navigating):
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
        Binding("ctrl+l", "repaint", "Paint the screen anew", show=False, id="app.repaint"),
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
        self._pace = Pace()
        self._leaving = False

    def get_default_screen(self) -> Screen[None]:
        """The fleet is at the bottom of every stack of screens."""
        return FleetScreen()

    # -- the engine ------------------------------------------------------------------------------------------------

    def on_resize(self, event: events.Resize) -> None:
        """The terminal has another size: a replay needs to know."""
        if self.recording is not None:
            self.recording.resized(event.size.width, event.size.height)

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
        """Take the news in soon: at once after a quiet time."""
        urgent = self.inbox.urgent
        if self._soon is not None:
            if not urgent:
                return
            self._soon.stop()
        self._soon = self.set_timer(self._pace.wait(time.monotonic(), urgent=urgent), self._take_news, name="news")

    def _take_news(self) -> None:
        self._soon = None
        if self._leaving:
            return  # what waits stays in the inbox for whoever takes it last
        now, urgent = time.monotonic(), self.inbox.urgent
        self._pace.taken(now)
        events = self.inbox.take()
        for text in self.state.apply(events):
            self.tell(text, wrong=True)
        self.state.log.take(events, self.now())
        self._announce(events)
        if self._pace.carries(now, getattr(self._driver, "sent", 0)) or urgent:
            self.freshen()
        else:
            self._freshen(lambda screen: screen.freshen_at_once())

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

    def in_loop(self, act: Callable[[], None]) -> None:
        """Do something in the app's loop, from any thread; nothing once it has ended."""
        if self._running_loop is not None:
            with suppress(RuntimeError):  # the screen has ended; the engine goes on without one
                self._running_loop.call_soon_threadsafe(act)

    def freshen(self) -> None:
        """Have the screen that is on top, or under a dialog, show what is known now."""
        self._pace.painted(time.monotonic())
        self._freshen(lambda screen: screen.freshen())

    def _freshen(self, show: Callable[[ConsoleScreen], None]) -> None:
        if self._leaving:
            return
        screen = next((s for s in reversed(self.screen_stack) if isinstance(s, ConsoleScreen)), None)
        if screen is not None:
            show(screen)

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
