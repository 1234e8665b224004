"""Running the console: from an engine's settings to an exit status, whatever ends it."""

from __future__ import annotations

import shutil
from collections.abc import Callable

from textual.driver import Driver

from killswitch_console.authority.invoker import current_invoker
from killswitch_console.config import Configuration
from killswitch_console.halting.engine import EngineSettings
from killswitch_console.halting.events import EngineEvent
from killswitch_console.halting.recording import RecordingNeeded
from killswitch_console.halting.thread import EngineThread
from killswitch_console.hostile import clean
from killswitch_console.standing import standing
from killswitch_console.tui import ending, terminal
from killswitch_console.tui.app import ConsoleApp
from killswitch_console.tui.driver import TerminalDriver
from killswitch_console.tui.last_frame import FirstFrame
from killswitch_console.tui.signals import ending_signals
from killswitch_console.tui.state import ConsoleState


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
    state = _state(settings, configuration, read_only=read_only)
    threads: list[EngineThread] = []

    def make_engine(publish: Callable[[EngineEvent], None]) -> EngineThread:
        threads.append(EngineThread(settings, standing(publish), read_only=read_only))
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
    return _exit_status(app, debug=debug)


def _state(settings: EngineSettings, configuration: Configuration | None, *, read_only: bool) -> ConsoleState:
    return ConsoleState(
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


def _exit_status(app: ConsoleApp, *, debug: bool) -> int:
    """What to exit with; a defect of the app is told, or with ``debug`` raised."""
    if app.defect is None:
        return app.return_code or 0
    if debug:
        raise app.defect
    ending.say(f"internal error in the screen: {clean(repr(app.defect))} (--debug shows where)")
    return 1


def _theme(configuration: Configuration | None, given: str | None) -> str | None:
    configured = configuration.document.theme if configuration is not None else None
    return terminal.theme(given=given, configured=configured)


def _wall_driver() -> type[Driver]:
    from killswitch_console.tui.wall import WallDriver

    return WallDriver
