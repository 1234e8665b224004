"""What a hold meets, in words: revivals, fights, newcomers; and how a conflict differs from what the halt left."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Final

from killswitch_console.halting.progress import TargetProgress, TargetState
from killswitch_console.hostile import clean
from killswitch_console.tui.lines import words
from killswitch_console.tui.lines.spans import Line, Tone, wrapped
from killswitch_console.tui.live_halt import LiveHalt, Phase

FRESH_SECONDS: Final = 60.0
"""How long a revival that was settled stays in the banner of every screen."""


def alarm(halt: LiveHalt, now: datetime) -> str:
    """What a hold met just now and everybody must see; nothing if all is quiet."""
    if halt.phase in (Phase.RESTORING, Phase.RESTORED) or not halt.restless:
        return ""
    revived = halt.revived()
    if fights := sum(t.fighting for t in revived):
        return f"FIGHT over {words.counted(fights, 'target')}: find out what revives it"
    fresh = [t for t in revived if t.state is TargetState.REVIVED or _fresh(t, now)]
    if not fresh:
        return ""
    again = sum(t.state is not TargetState.STOPPED for t in fresh)
    done = f"{again:,} not proven stopped again" if again else "proven stopped again"
    return f"REVIVED: {words.counted(len(fresh), 'target')}, {done}"


def _fresh(target: TargetProgress, now: datetime) -> bool:
    return target.revived_at is not None and (now - target.revived_at).total_seconds() < FRESH_SECONDS


def signs(halt: LiveHalt, now: datetime, width: int) -> list[Line]:
    """For the head of a halt: whether it is held, what the hold met, who was taken in."""
    lines: list[Line] = []
    if said := alarm(halt, now):
        lines += wrapped(f"▲ {said}", width, tone=Tone.BAD)
    if new := halt.header.newcomers:
        names = ", ".join(clean(key.name, most=40) for key in new[:6])
        more = f" and {len(new) - 6:,} more" if len(new) > 6 else ""
        lines += wrapped(f"+ new in the scope, halted too: {names}{more}", width, tone=Tone.WARN)
    if halt.phase is Phase.ENDED and halt.held:
        if halt.holding:
            said = "held by this console: what is revived is halted again"
            lines += wrapped(said, width, tone=Tone.MUTED)
        elif halt.hold_ended:
            lines += wrapped(f"not held by this console: {clean(halt.hold_ended)}", width, tone=Tone.WARN)
    return lines


def revival(target: TargetProgress, now: datetime) -> str:
    """How often a target was revived, when last, by whom, and how soon it was halted again."""
    if not target.revivals:
        return ""
    times = "once" if target.revivals == 1 else f"{target.revivals:,} times"
    by = f" by {target.revived_by}" if target.revived_by else ", the platform does not tell by whom"
    text = f"REVIVED {times}, last {words.age(target.revived_at, now)} ago{by}"
    if target.reasserted_at is None or target.revived_at is None or target.reasserted_at < target.revived_at:
        return f"{text}; not halted again yet"
    took = (target.reasserted_at - target.revived_at).total_seconds()
    return f"{text}; halted again after {took:.2f} s"


def fight(target: TargetProgress) -> str:
    """What a person must do about something that revives a target again and again."""
    if not target.fighting:
        return ""
    return "FIGHT: something revives it again and again. The hold goes on; find out what it is and stop it."


def differences(target: TargetProgress, width: int, indent: str) -> list[Line]:
    """In a conflict: each field, what the halt left there, what is there now."""
    return [
        line
        for change in target.changes
        for line in wrapped(
            clean(f"{change.field}: the halt left {_value(change.expected)}, found {_value(change.found)}", most=400),
            width,
            tone=Tone.BAD,
            indent=indent,
        )
    ]


def _value(value: object) -> str:
    return "nothing" if value is None else json.dumps(value, default=str, ensure_ascii=False)
