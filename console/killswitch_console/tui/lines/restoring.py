"""What a restore of a halt would put back, in words."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

from killswitch_console.authority.invoker import Invoker
from killswitch_console.halting.approving import same_person
from killswitch_console.halting.progress import TargetProgress, TargetState
from killswitch_console.hostile import clean
from killswitch_console.tui.lines import halts, holding, words
from killswitch_console.tui.lines.spans import BLANK, Line, Tone, fit, heading, plain, wrapped
from killswitch_console.tui.live_halt import LiveHalt
from killswitch_console.tui.ordering import natural
from killswitch_inventory.targets import BackendRef

FACTS_MOST, FACT_MOST = 4, 20
"""Fields of a prior state that are shown, and how long each may be."""

NAMES_MOST = 6
"""Stages that are named."""

TARGETS_MOST = 500
"""Targets listed per backend; the rest is counted."""


def whole(halt: LiveHalt, now: datetime, width: int) -> list[Line]:
    """Every target that the halt touched, with what it was before; what is restored already stays as it is."""
    lines = [*halts.summary(halt, width), plain(f"halted {words.age(halt.header.invoked_at, now)} ago", Tone.MUTED)]
    why = (
        "Credentials come back first, then processes, then flags. What changed since the halt is left alone and shown."
    )
    lines += wrapped(why, width, tone=Tone.MUTED)
    lines += _order(halt, width)
    by_backend: defaultdict[BackendRef, list[TargetProgress]] = defaultdict(list)
    for target in halt.touched():
        by_backend[target.target.backend].append(target)
    for ref, targets in sorted(by_backend.items()):
        lines += [BLANK, heading(f"{clean(str(ref))}: {words.counted(len(targets), 'target')}", width)]
        targets.sort(key=lambda target: natural(target.target.path))
        for target in targets[:TARGETS_MOST]:
            lines += [_target(target, width), *holding.differences(target, width, "    ")]
        if (more := len(targets) - TARGETS_MOST) > 0:
            lines.append(plain(f"and {more:,} more", Tone.MUTED))
    return lines


def _order(halt: LiveHalt, width: int) -> list[Line]:
    """In which stages: one canary, then class by class; each waits until the one before it works."""
    names = [stage.name for stage in halt.coming_stages() if stage.name]
    if len(names) < 2:
        return []
    more = f" and {len(names) - NAMES_MOST} more" if len(names) > NAMES_MOST else ""
    said = f"In {len(names)} stages, each once the one before works: {', '.join(names[:NAMES_MOST])}{more}."
    return wrapped(clean(said, most=600), width, tone=Tone.MUTED)


def two_people(halt: LiveHalt, invoker: Invoker, now: datetime, width: int) -> list[Line]:
    """Of a restore that takes two people: who agreed, and what is missing."""
    good = [a for a in halt.base.approvals if a.good(now)]
    lines = [
        plain(clean(f"agreed: {a.approver}, {words.age(a.at, now)} ago; good for one restore", most=width), Tone.OK)
        for a in good
    ]
    if any(not same_person(a.approver, invoker) for a in good):
        return lines
    who = "Another person must agree first" if not good else "You agreed: another person must restore it"
    how = f"{who} (a on the halt's screen, or: approve {halt.header.halt_id})."
    return [*wrapped(f"! A restore of this takes two people. {how}", width, tone=Tone.WARN), *lines]


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
    facts = [
        f"{key.replace('_', ' ')} {said}" for key, value in target.captured.shown.items() if (said := _short(value))
    ]
    return f"back to {', '.join(facts[:FACTS_MOST])}" if facts else "back to what it was, field by field"


def _short(value: object) -> str:
    """A prior value that can be read in a line; nothing for one that cannot."""
    if isinstance(value, list | tuple) and not any(isinstance(one, Mapping | list) for one in value):
        said = ", ".join(map(str, value)) or "none"
    elif value is None:
        said = "none"
    else:
        said = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    return said if len(said) <= FACT_MOST else ""
