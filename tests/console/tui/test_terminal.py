"""Where no screen can be shown the console says so in one line; and its start-up imports no platform."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest

from killswitch_console.tui import terminal


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("term", ["dumb", "", "unknown"])
def test_a_dumb_terminal_is_refused_with_what_to_do_instead(term: str) -> None:
    why = terminal.why_no_screen({"TERM": term}, Tty(), Tty())
    assert why is not None
    assert "killswitch-console --help" in why
    assert "\n" not in why


def test_both_ends_must_be_a_terminal() -> None:
    good = {"TERM": "xterm-256color"}
    assert terminal.why_no_screen(good, Tty(), Tty()) is None
    assert "needs a terminal" in (terminal.why_no_screen(good, io.StringIO(), Tty()) or "")
    assert "needs a terminal" in (terminal.why_no_screen(good, Tty(), io.StringIO()) or "")


def test_no_color_takes_the_plain_theme_unless_a_theme_is_asked_for() -> None:
    assert terminal.theme({"NO_COLOR": "1"}) == "ansi-dark"
    assert terminal.theme({"NO_COLOR": "1", "TEXTUAL_THEME": "nord"}) is None
    assert terminal.theme({}) == "dark"


def test_starting_the_app_imports_no_sdk() -> None:
    code = (
        "import sys, killswitch_console.tui.app\n"
        "print([m for m in ('boto3', 'botocore', 'kubernetes', 'ldclient', 'aiohttp', 'keyring') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_command_refuses_without_a_terminal() -> None:
    code = "import sys; from killswitch_console.tui.running import run_app; sys.exit(run_app(None))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 2
    assert done.stderr.strip().splitlines() == [
        "killswitch-console: the console needs a terminal; use the commands instead: killswitch-console --help"
    ]
