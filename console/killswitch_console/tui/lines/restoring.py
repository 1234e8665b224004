"""What a restore of a halt would put back, in words."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import datetime

from killswitch_console.halting.progress import TargetProgress, TargetState
from killswitch_console.hostile import clean
from killswitch_console.tui.halt_book import LiveHalt
from killswitch_console.tui.lines import halts, words
from killswitch_console.tui.lines.spans import BLANK, Line, Tone, fit, heading, plain, wrapped
from killswitch_console.tui.ordering import natural
from killswitch_inventory.targets import BackendRef

FACTS_MOST, FACT_MOST = 4, 20
"""Fields of a prior state that are shown, and how long each may be."""

TARGETS_MOST = 500
"""Targets listed per backend; the rest is counted."""


def whole(halt: LiveHalt, now: datetime, width: int) -> list[Line]:
    """Every target that the halt touched, with what it was before; what is restored already stays as it is."""
    lines = [*halts.summary(halt, width), plain(f"halted {words.age(halt.header.invoked_at, now)} ago", Tone.MUTED)]
    why = (
        "Credentials come back first, then processes, then flags. What changed since the halt is left alone and shown."
    )
    lines += wrapped(why, width, tone=Tone.MUTED)
    by_backend: defaultdict[BackendRef, list[TargetProgress]] = defaultdict(list)
    for target in halt.touched():
        by_backend[target.target.backend].append(target)
    for ref, targets in sorted(by_backend.items()):
        lines += [BLANK, heading(f"{clean(str(ref))}: {words.counted(len(targets), 'target')}", width)]
        targets.sort(key=lambda target: natural(target.target.path))
        lines += [_target(target, width) for target in targets[:TARGETS_MOST]]
        if (more := len(targets) - TARGETS_MOST) > 0:
            lines.append(plain(f"and {more:,} more", Tone.MUTED))
    return lines


def _target(target: TargetProgress, width: int) -> Line:
    """One target and what it was, or that there is nothing to do for it."""
    before = "restored already" if target.state is TargetState.RESTORED else _prior(target)
    path = clean(target.target.path)
    room = max(20, min(len(path), width // 2))
    return (
        (f"{words.LETTER[target.layer]} ", Tone.ACCENT),
        (fit(path, room), Tone.PLAIN),
        (f"  {clean(before, most=max(10, width - room - 4))}", Tone.MUTED),
    )


def _prior(target: TargetProgress) -> str:
    if target.captured is None:
        return "its prior state is not known: set it by hand"
    if target.captured.already_off:
        return "was off before the halt: stays so"
    facts = [f"{key} {said}" for key, value in target.captured.prior.items() if (said := _short(value))]
    return f"back to {', '.join(facts[:FACTS_MOST])}" if facts else "back to what it was, field by field"


def _short(value: object) -> str:
    """A prior value that can be read in a line; nothing for one that cannot."""
    said = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    return said if len(said) <= FACT_MOST else ""
