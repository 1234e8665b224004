"""Who may still act on a flag's old value, by the agents' own word: shown beside the proof, never as part of it."""

from __future__ import annotations

from dataclasses import replace

from killswitch_console.halting.stale import stale
from killswitch_console.hostile import clean
from killswitch_console.tui.lines.spans import BLANK, Line, Tone, heading, wrapped
from killswitch_console.tui.live_halt import LiveHalt

NAMED_MOST = 8
"""Names that are written out; how many more there are is always said."""


def stale_lines(halt: LiveHalt, width: int) -> list[Line]:
    """Instances that have not seen the change yet, and agents that never say; nothing when there are none."""
    if not any(target.reports for target in halt.targets.values()):
        return []
    left = stale(replace(halt.base, targets=tuple(halt.targets.values())))
    told = [
        (left.behind, "evaluated last what was before the halt", Tone.WARN),
        (left.lost, "fell silent before they had seen the change", Tone.WARN),
        (left.silent, "do not report: they may hold a stale value until they reconnect", Tone.MUTED),
    ]
    lines = [line for who, what, tone in told if who for line in wrapped(_sentence(who, what), width, tone=tone)]
    return [BLANK, heading("May still act on a flag's old value", width), *lines] if lines else []


def _sentence(who: tuple[str, ...], what: str) -> str:
    shown = ", ".join(clean(name) for name in who[:NAMED_MOST])
    more = f" and {len(who) - NAMED_MOST:,} more" if len(who) > NAMED_MOST else ""
    return f"{len(who):,} {what}: {shown}{more}"
