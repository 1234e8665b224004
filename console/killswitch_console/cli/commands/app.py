"""The console itself; what runs when no command is named."""

from __future__ import annotations

import argparse

SUMMARY = "open the console (the same as naming no command)"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    from killswitch_console.cli.options import add_config, add_theme

    add_config(parser)
    parser.add_argument(
        "--read-only", action="store_true", help="look only: nothing can be halted, restored or otherwise changed"
    )
    parser.add_argument(
        "--no-mouse", action="store_true", help="leave the mouse to the terminal, for its own selection"
    )
    add_theme(parser)
    parser.add_argument("--drill", metavar="NAME", help="take part in a drill that somebody leads on this machine")


def run(options: argparse.Namespace) -> int:
    """Open the console; exit when the person leaves it."""
    if options.drill is not None:
        return _join(options.drill)
    from killswitch_console.tui.terminal import why_lines_only

    if why := why_lines_only(plain=options.plain):
        from killswitch_console.cli.overview import overview

        return overview(options, why)
    from killswitch_console.config_files import NoConfiguration, find_configuration

    try:
        find_configuration(options.config)
    except NoConfiguration as missing:
        from killswitch_console.cli.first_run import guide

        return guide(missing)
    from killswitch_console.tui.last_frame import shown

    with shown(options.config) as first_frame:  # painted before what follows is imported
        from killswitch_console.assembling import engine_settings
        from killswitch_console.cli import session
        from killswitch_console.tui.running import run_app

        configuration = session.configuration(options)
        return run_app(
            engine_settings(configuration),
            configuration,
            read_only=options.read_only,
            mouse=not options.no_mouse,
            theme=options.theme,
            first_frame=first_frame,
        )


def _join(name: str) -> int:
    from killswitch_console.cli.failures import UsageError
    from killswitch_console.drills.facing import join
    from killswitch_console.drills.homes import drills_home

    try:
        return join(name, drills_home())
    except ValueError as error:
        raise UsageError(str(error)) from error
