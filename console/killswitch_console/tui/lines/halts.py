"""The list of halts: one line each, the open ones first."""

from __future__ import annotations

from datetime import datetime

from killswitch_console.halting.foreign import ForeignHalt
from killswitch_console.hostile import clean
from killswitch_console.tui.lines import words
from killswitch_console.tui.lines.spans import Line, Span, Tone, fit
from killswitch_console.tui.live_halt import LiveHalt, Phase


def header(width: int) -> Line:
    """The names of the columns."""
    scope, by, reason = _columns(width)
    text = fit("  STATE", _STATE) + fit("SCOPE", scope) + fit("BY", by) + fit("WHEN", _WHEN) + fit("REASON", reason)
    return ((text, Tone.MUTED),)


def row(halt: LiveHalt, now: datetime, width: int) -> Line:
    """One halt."""
    head = halt.header
    scope, by, reason = _columns(width)
    invoker = head.invoker.sudo_user or head.invoker.os_user
    symbol, said, tone = _state(halt)
    return (
        (fit(f"  {symbol} {said}", _STATE), tone),
        (fit(clean(str(head.scope)), scope - 1) + " ", Tone.STRONG),
        (fit(clean(invoker), by - 1) + " ", Tone.PLAIN),
        (fit(f"{words.age(head.invoked_at, now)} ago", _WHEN), Tone.MUTED),
        (fit(clean(head.reason), reason), Tone.MUTED),
    )


def foreign_row(found: ForeignHalt, now: datetime, width: int) -> Line:
    """A halt of another bastion: all that its marks tell."""
    scope, by, reason = _columns(width)
    told = f"{words.counted(len(found.agents), 'agent')}, {words.counted(len(found.targets), 'target')}"
    when = f"{words.age(found.ordered_at, now)} ago" if found.ordered_at else "?"
    return (
        (fit("  ■ other bastion's", _STATE), Tone.HALTED),
        (fit(told, scope - 1) + " ", Tone.STRONG),
        (fit(clean(found.invoker), by - 1) + " ", Tone.PLAIN),
        (fit(when, _WHEN), Tone.MUTED),
        (fit(f"known by its marks: {clean(found.halt_id)}", reason), Tone.MUTED),
    )


_STATE, _WHEN = 22, 11


def _columns(width: int) -> tuple[int, int, int]:
    rest = max(30, width - _STATE - _WHEN)
    scope = max(14, rest * 2 // 5)
    by = max(8, rest // 5)
    return scope, by, max(8, rest - scope - by)


def _state(halt: LiveHalt) -> tuple[str, str, Tone]:
    """What a halt is in two words: under way, or its verdict and whether it is held."""
    if halt.phase is Phase.HALTING:
        return "»", "halting", Tone.WARN
    if halt.phase is Phase.RESTORING:
        return "»", "restoring", Tone.WARN
    verdict = halt.verdict
    symbol, tone = words.VERDICT[verdict]
    if halt.phase is Phase.ENDED and halt.base.ended_at is None:
        return "!", "interrupted", Tone.BAD
    if any(t.fighting for t in halt.revived()):
        return "▲", "FIGHT, held", Tone.BAD
    held = ", held" if halt.held else ""
    return symbol, f"{verdict}{held}", tone


def summary(halt: LiveHalt, width: int) -> list[Line]:
    """A halt before it is restored: what was touched and will be put back."""
    kinds: dict[str, int] = {}
    for target in halt.touched():
        kinds[str(target.target.backend)] = kinds.get(str(target.target.backend), 0) + 1
    total = sum(kinds.values())
    head = halt.header
    first: tuple[Span, ...] = (
        (f"{clean(str(head.scope))}  ", Tone.STRONG),
        (f"{words.counted(len(head.agents), 'agent')}, {words.counted(total, 'target')} to put back", Tone.PLAIN),
    )
    lines: list[Line] = [first, ((clean(f"halted by {head.invoker}: {head.reason}", most=width), Tone.MUTED),)]
    return [
        *lines,
        *(((f"  {clean(ref)}: {words.counted(n, 'target')}", Tone.PLAIN),) for ref, n in sorted(kinds.items())),
    ]
