"""The drill's screen as lines: a responder's pages, or outside a drill what was drilled when. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from killswitch_console.drills.cadence import Drilled
from killswitch_console.drills.durations import clock_text
from killswitch_console.drills.paging import Answer, Pager, Received
from killswitch_console.hostile import clean
from killswitch_console.tui.lines.spans import BLANK, Line, Tone, fit, heading, plain, wrapped

_ANSWERS: Final = {
    Answer.OPEN: ("● open", Tone.WARN),
    Answer.ACKNOWLEDGED: ("✓ acknowledged", Tone.OK),
    Answer.DECLINED: ("✗ declined", Tone.MUTED),
}


def state(pager: Pager, now: datetime, width: int) -> list[Line]:
    """How the drill stands, and what the responder was told at the beginning."""
    at = clock_text((now - pager.began).total_seconds())
    if pager.over:
        said, tone = f"The drill is over: {pager.over}. Leave with q.", Tone.STRONG
    elif pager.speed == 0:
        said, tone = "The facilitator holds time.", Tone.WARN
    else:
        said, tone = f"Drill time {at}" + ("" if pager.speed == 1 else f", at {pager.speed:g}x"), Tone.PLAIN
    briefing = wrapped(clean(pager.briefing, most=600), width - 2, tone=Tone.MUTED, indent=" ")
    waiting = len(pager.open)
    told = f"{waiting} wait{'s' * (waiting == 1)} for an answer" if waiting else "nothing waits for an answer"
    return [
        ((f" {said}  ", tone), (told, Tone.WARN if waiting else Tone.MUTED)),
        *briefing[:3],
        _titled("Pager", width),
    ]


def pages(pager: Pager, width: int) -> list[tuple[str, Line]]:
    """One row for each page, the latest first."""
    rows = [(f"{number}", _row(one, pager.began, width)) for number, one in enumerate(pager.received)]
    return rows[::-1]


def _row(one: Received, began: datetime, width: int) -> Line:
    said, tone = _ANSWERS[one.answer]
    at = clock_text(max(0.0, (one.at - began).total_seconds()))
    kind = Tone.BAD if one.page.kind == "alert" else Tone.PLAIN
    head = f"{clean(one.page.sender, most=24)}: "
    room = max(10, width - 27 - len(head))
    return (
        (f" {at:>6}  ", Tone.MUTED),
        (f"{said:16}", tone),
        (head, Tone.STRONG),
        (fit(clean(one.page.text, most=400), room), kind),
    )


def whole(one: Received | None, width: int) -> list[Line]:
    """The page under the cursor, in full."""
    if one is None:
        return [plain(" Nothing has come in yet. What comes in, comes in here.", Tone.MUTED)]
    head = f"{one.page.kind} on {one.page.channel} from {one.page.sender}"
    return [
        _titled(clean(head, most=width - 4), width),
        *wrapped(clean(one.page.text, most=2000), width - 2, indent=" "),
    ]


def practice(drilled: Sequence[Drilled], days: int, width: int) -> list[Line]:
    """Outside a drill: what was drilled when, what is due, and how to begin."""
    lines: list[Line] = [_titled(f"When each was last proven stopped in a drill (due after {days} days)", width)]
    for one in drilled:
        said = "never" if one.at is None else f"{one.at:%Y-%m-%d}"
        lines.append(
            (
                (f" {one.subject:24}", Tone.PLAIN),
                (f"{said:12}", Tone.MUTED),
                ("DUE" if one.due else "ok", Tone.WARN if one.due else Tone.OK),
            )
        )
    lines += [BLANK, _titled("To drill, in another terminal", width)]
    return [*lines, *(line for command, what in _COMMANDS for line in _command(command, what, width))]


_COMMANDS: Final = (
    ("list", "the scenarios that there are"),
    ("run NAME", "play one, on a simulated world"),
    ("facilitate NAME", "lead one that others join"),
    ("run --canary FILE", "prove it on tagged canaries"),
    ("report", "what the latest one showed"),
)


def _command(command: str, what: str, width: int) -> list[Line]:
    """A command and what it does; below it where there is no room beside it."""
    named = f" killswitch-console drill {command}"
    beside = width - _COMMAND
    if len(what) <= beside:
        return [((fit(named, _COMMAND), Tone.STRONG), (what, Tone.MUTED))]
    return [plain(named, Tone.STRONG), *wrapped(what, width - 1, tone=Tone.MUTED, indent="     ")]


_COMMAND: Final = 45
"""Cells for the longest command and a gap."""


def _titled(text: str, width: int) -> Line:
    """A heading that begins where the text below it does."""
    return ((" ", Tone.PLAIN), *heading(text, width - 1))
