"""What comes after the screen: the engine's work runs to its end, and a line or two say what came of it."""

from __future__ import annotations

import sys
from contextlib import suppress

from killswitch_console.halting.thread import EngineThread
from killswitch_console.hostile import clean
from killswitch_console.tui.inbox import Inbox
from killswitch_console.tui.state import ConsoleState


def finish(state: ConsoleState, inbox: Inbox, thread: EngineThread) -> None:
    """Let the engine's work run to its end, saying so while it does, and what came of it."""
    if state.busy:
        say("a halt or a restore is under way and runs to its end; please wait")
    thread.close()
    state.apply(inbox.take())
    for halt in state.book.held():
        say(f"in force: {halt.header.scope} ({halt.header.halt_id}), verdict {halt.verdict}")


def say(text: str) -> None:
    """One line to whoever is still there."""
    with suppress(OSError):
        sys.stderr.write(f"killswitch-console: {clean(text, most=400)}\n")
        sys.stderr.flush()
