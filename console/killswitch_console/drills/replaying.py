"""Goes through a recorded drill for discussion, event by event; a person seeks to any moment of it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from killswitch_console.drills.durations import clock_text, seconds_of
from killswitch_console.drills.facing import read_score
from killswitch_console.drills.happened import Happened
from killswitch_console.drills.log import event_hash, read_log
from killswitch_console.hostile import clean
from killswitch_console.tui.terminal import why_no_screen

HELP = "[Enter] next   b back   N (a time such as 1m30s) go there   l the list   q leave"
_MARK = ">"


def replay(folder: Path, at: float = 0.0, *, plain: bool = False) -> int:
    """Show a drill from a moment on: on a screen, line by line, or without a terminal all of it at once.

    Returns the exit status.
    """
    events = read_log(folder / "log.jsonl")
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        for happened in events:
            if happened.at >= at:
                print(line(happened))  # noqa: T201  (the command line prints)
        return 0
    if plain or why_no_screen():
        return _seek(events, place_of(events, at))
    from killswitch_console.drills.replay_app import run_replay

    return run_replay(folder, events, at)


def _seek(events: Sequence[Happened], place: int) -> int:
    print(HELP)  # noqa: T201
    while place < len(events):
        print(line(events[place]))  # noqa: T201
        asked = input(f"{place + 1}/{len(events)} ").strip()
        if asked == "q":
            break
        place = step(events, place, asked)
    return 0


def step(events: Sequence[Happened], place: int, asked: str) -> int:
    """The place to show next, by what a person typed; a time goes to the first event from then on."""
    if asked == "":
        return place + 1
    if asked == "b":
        return max(0, place - 1)
    if asked == "l":
        for number, happened in enumerate(events):
            print((_MARK if number == place else " ") + line(happened))  # noqa: T201
        return place
    try:
        return place_of(events, seconds_of(asked))
    except ValueError as error:
        print(clean(f"{error}; {HELP}"))  # noqa: T201
        return place


def place_of(events: Sequence[Happened], at: float) -> int:
    """The first event from a moment on; the last one if there is none."""
    return next((place for place, e in enumerate(events) if e.at >= at), max(0, len(events) - 1))


def line(happened: Happened) -> str:
    """One event on one line."""
    facts = " ".join(f"{name}={value}" for name, value in happened.facts.items())
    extra = " ".join(
        f"{name}={happened.measured[name]}"
        for name in ("elapsed", "slo", "why", "by", "reason")
        if name in happened.measured
    )
    return clean(f"{clock_text(happened.at):>8}  {happened.event:24} {facts}  {extra}".rstrip(), most=400)


def verify(folder: Path) -> int:
    """Say whether a drill's log is the one that was scored; 0 if so, else 5."""
    found = event_hash(read_log(folder / "log.jsonl"))
    if found == read_score(folder)["score"]["event_hash"]:
        print(f"{folder.name}: the log is the one that was scored ({found[:16]})")  # noqa: T201
        return 0
    print(f"{folder.name}: the log is NOT the one that was scored")  # noqa: T201
    return 5
