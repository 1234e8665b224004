"""A halt or a restore under way, and its end: timers, bars of text, and whatever lags, in words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from killswitch_console.halting.progress import TargetProgress, TargetState
from killswitch_console.halting.verdict import AgentState, Verdict, worst_state
from killswitch_console.hostile import clean
from killswitch_console.tui.lines import holding, words
from killswitch_console.tui.lines.spans import BLANK, Line, Span, Tone, fit, heading, plain, spread, wrapped
from killswitch_console.tui.live_halt import LiveHalt, Phase, Tally
from killswitch_console.tui.ordering import natural

LAGGARDS_MOST = 300
"""Laggards listed; the rest is counted."""


def head(halt: LiveHalt, now: datetime, width: int) -> list[Line]:
    """What this is, whose, why, and the timer of its scope or its verdict."""
    header = halt.header
    what = {
        Phase.HALTING: "HALTING",
        Phase.ENDED: "HALT",
        Phase.RESTORING: "RESTORING",
        Phase.RESTORED: "RESTORE OF",
    }[halt.phase]
    by = f"by {header.invoker}" + (f", {header.incident}" if header.incident else "")
    left: Line = (
        (f"{what} ", Tone.ACCENT),
        (clean(str(header.scope)), Tone.STRONG),
        (f"  {header.profile}", Tone.MUTED),
    )
    return [
        spread(left, ((f"{header.halt_id} ", Tone.MUTED),), width),
        plain(fit(clean(f"{by}: {header.reason}", most=width), width).rstrip(), Tone.MUTED),
        *_outcome(halt, now, width),
        *holding.signs(halt, now, width),
        *wrapped(clean(halt.failure, most=600), width, tone=Tone.BAD),
    ]


def _outcome(halt: LiveHalt, now: datetime, width: int) -> list[Line]:
    header = halt.header
    if halt.phase is Phase.RESTORING:
        return [
            plain("putting back what the halt changed; nothing is called restored before it was read back"),
            *_stages(halt, width),
        ]
    if halt.phase is Phase.RESTORED:
        means = _MEANS[Verdict.RESTORED] if halt.verdict is Verdict.RESTORED else "not everything was put back"
        return _verdict(halt.verdict, means, "", width)
    elapsed = ((halt.proven_at or halt.base.ended_at or now) - header.invoked_at).total_seconds()
    done = halt.proven_at is not None or halt.phase is Phase.ENDED
    said, tone = words.timer(elapsed, header.slo_seconds, done=done)
    if halt.phase is Phase.HALTING:
        return [(("SLO of the scope  ", Tone.MUTED), (said, tone))]
    if halt.proven_at is None:
        said, tone = f"SLO of {header.slo_seconds:g} s missed: not proven", Tone.BAD
    return [*_verdict(halt.verdict, _MEANS[halt.verdict], _agents(halt), width), plain(said, tone)]


STAGES_MOST = 4
"""Stages of a restore that are shown at once."""


def _stages(halt: LiveHalt, width: int) -> list[Line]:
    """How far the stages of a restore are that are not done: the canary first, then class by class."""
    lines: list[Line] = []
    waiting = 0
    for number, stage in enumerate(halt.stages, 1):
        now = [halt.targets.get(t.target, t) for t in stage.targets]
        done = sum(t.state is TargetState.RESTORED for t in now)
        if done == len(now):
            continue
        if len(lines) == STAGES_MOST:
            waiting += 1
            continue
        said = (
            f"stage {number} of {len(halt.stages)}, {clean(stage.name) or 'the rest'}: {done:,}/{len(now):,} restored"
        )
        lines.append(plain(fit(said, width).rstrip(), Tone.PLAIN if not lines else Tone.MUTED))
    more = [plain(f"and {words.counted(waiting, 'stage')} more", Tone.MUTED)] if waiting else []
    return [*lines, *more]


_MEANS = {
    Verdict.STOPPED: "every agent in scope is proven stopped",
    Verdict.LIMITED: "all that could be done is proven, but some agents have no process layer",
    Verdict.INCOMPLETE: "not everything is proven",
    Verdict.RESTORED: "everything was read back as it was before the halt",
}


def _verdict(verdict: Verdict, means: str, more: str, width: int) -> list[Line]:
    symbol, tone = words.VERDICT[verdict]
    lines: list[Line] = [((f"{symbol} {verdict.upper()}  ", tone), (means, Tone.PLAIN))]
    return [*lines, *wrapped(more, width, tone=Tone.MUTED)]


def _agents(halt: LiveHalt) -> str:
    """How many agents of which outcome, if not all are stopped; the others by name."""
    agents = halt.record().agents
    others = [a for a in agents if a.state is not AgentState.STOPPED]
    if not others:
        return ""
    shown = ", ".join(f"{clean(a.key.name, most=40)} {a.state}" for a in others[:6])
    more = f" and {len(others) - 6:,} more" if len(others) > 6 else ""
    return f"{len(others):,} of {words.counted(len(agents), 'agent')} not stopped: {shown}{more}"


# -- bars ----------------------------------------------------------------------------------------------------------

DONE, UNDER_WAY, OPEN = "█", "▒", "·"


def bars(halt: LiveHalt, now: datetime, width: int) -> list[Line]:
    """A bar and a timer for each backend."""
    names = max((len(str(ref)) for ref in halt.tallies), default=0)
    name = min(names, max(12, width // 4))
    restoring = halt.phase in (Phase.RESTORING, Phase.RESTORED)
    return [
        (_restore_bar if restoring else _halt_bar)(halt, tally, now, name, width)
        for _, tally in sorted(halt.tallies.items())
    ]


def _halt_bar(halt: LiveHalt, tally: Tally, now: datetime, name: int, width: int) -> Line:
    said: Line = _backend_timer(halt, tally, now)
    digits = len(f"{tally.total:,}")
    counts = f" {tally.accepted:>{digits},} accepted {tally.stopped:>{digits},}/{tally.total:,} stopped "
    room = max(6, width - name - 2 - len(counts) - _TIMER)
    return (
        (fit(clean(str(tally.ref)), name) + " ", Tone.PLAIN),
        *_bar(tally.stopped, tally.accepted - tally.stopped, tally.total, room, Tone.HALTED),
        (counts, Tone.PLAIN),
        *said,
    )


_TIMER = 24
"""Cells for a timer in words."""


def _backend_timer(halt: LiveHalt, tally: Tally, now: datetime) -> Line:
    limit = halt.header.backend_slo.get(tally.ref.kind)
    proven = tally.proven_at
    if limit is None:
        return (("no SLO", Tone.MUTED),)
    ended = halt.base.ended_at if halt.phase is Phase.ENDED else None
    elapsed = ((proven or ended or now) - halt.header.invoked_at).total_seconds()
    if proven is None and ended is not None:
        return (("SLO missed: not proven", Tone.BAD),)
    return (words.timer(elapsed, limit, done=proven is not None),)


def _restore_bar(halt: LiveHalt, tally: Tally, now: datetime, name: int, width: int) -> Line:
    del now
    due = [t for t in halt.touched() if t.target.backend == tally.ref]
    done = sum(t.state is TargetState.RESTORED for t in due)
    stuck = {s: sum(t.state is s for t in due) for s in (TargetState.CONFLICT, TargetState.FAILED)}
    counts = f" {done:,}/{len(due):,} restored "
    wrong = " ".join(f"{words.STATE[s][0]} {n:,} {s}" for s, n in stuck.items() if n)
    room = max(6, width - name - 2 - len(counts) - max(len(wrong), 12))
    return (
        (fit(clean(str(tally.ref)), name) + " ", Tone.PLAIN),
        *_bar(done, 0, len(due), room, Tone.OK),
        (counts, Tone.PLAIN),
        (wrong, Tone.BAD),
    )


def _bar(done: int, under_way: int, total: int, width: int, tone: Tone) -> tuple[Span, ...]:
    """A bar of text; full only when all is done."""
    cells = width * done // total if total else 0
    some = min(width - cells, -(-width * max(0, under_way) // total)) if total else 0
    return (
        (DONE * cells, tone),
        (UNDER_WAY * some, Tone.WARN),
        (OPEN * (width - cells - some), Tone.MUTED),
    )


def forcing(late: Sequence[TargetProgress], width: int) -> list[Line]:
    """What is at stake when laggards are ended without their grace, and which they are."""
    risk = (
        "Grace 0: what runs there is ended in the middle of what it does. Work in hand is lost or half done, "
        "nothing is handed over or cleaned up, and on a node that does not answer it may go on unseen."
    )
    names = [f"  {words.STATE[target.state][0]} {clean(str(target.target))}" for target in late[:_FORCED_MOST]]
    more = [plain(f"  and {len(late) - _FORCED_MOST:,} more", Tone.MUTED)] if len(late) > _FORCED_MOST else []
    return [*wrapped(risk, width, tone=Tone.WARN), *(plain(fit(name, width).rstrip()) for name in names), *more]


_FORCED_MOST = 8
"""Laggards that the dialog names."""


# -- laggards ------------------------------------------------------------------------------------------------------


def laggards(halt: LiveHalt, now: datetime, width: int) -> list[Line]:
    """What is not done yet, what went wrong first; then what a person should know, then what is done."""
    restoring = halt.phase in (Phase.RESTORING, Phase.RESTORED)
    targets = list(halt.touched() if restoring else halt.targets.values())
    goal = TargetState.RESTORED if restoring else TargetState.STOPPED
    late = sorted((t for t in targets if t.state is not goal), key=_urgency)
    lines: list[Line] = []
    if halt.warnings:
        lines += [heading("Warnings", width)]
        lines += [
            line for text in halt.warnings for line in wrapped(f"! {clean(text, most=400)}", width, tone=Tone.WARN)
        ]
    if late:
        lines.append(heading(f"Not {goal} yet: {len(late):,} of {len(targets):,}", width))
        lines += [line for target in late[:LAGGARDS_MOST] for line in _target(target, now, width)]
        if (more := len(late) - LAGGARDS_MOST) > 0:
            lines.append(plain(f"and {more:,} more", Tone.MUTED))
    again = [] if restoring else [t for t in halt.revived() if t.state is goal]
    if again:
        lines.append(heading(f"Revived, and proven stopped again: {len(again):,}", width))
        lines += [line for target in again[:LAGGARDS_MOST] for line in _target(target, now, width)]
    gap = [BLANK] if lines else []
    quiet = [t for t in targets if not (t.revivals and t.state is goal)] if again else targets
    return [*lines, *gap, *_done(quiet, goal, now, width, room=max(0, LAGGARDS_MOST - len(late)))]


def _done(targets: list[TargetProgress], goal: TargetState, now: datetime, width: int, *, room: int) -> list[Line]:
    done = sorted((t for t in targets if t.state is goal), key=lambda t: natural(str(t.target)))
    if not done:
        return []
    lines: list[Line] = [heading(f"{goal.capitalize()}: {len(done):,}, by evidence", width)]
    lines += [line for target in done[:room] for line in _target(target, now, width)]
    if (more := len(done) - room) > 0:
        lines.append(plain(f"and {more:,} more", Tone.MUTED))
    return lines


def _urgency(target: TargetProgress) -> tuple[bool, bool, int, tuple[str, str]]:
    """What is fought over first; unsettled before settled, the furthest from proof first."""
    return (not target.fighting, target.state.settled, -_FAR[target.state], natural(str(target.target)))


_FAR = {
    state: sum(worst_state((state, other)) is state for other in TargetState) for state in TargetState
}  # how many states are no further from proof


def _target(target: TargetProgress, now: datetime, width: int) -> list[Line]:
    """A target: its state, what runs there, tries, and below it what stands in the way or proves it."""
    symbol, tone = words.STATE[target.state]
    state = target.state.upper() if target.state is TargetState.REVIVED else target.state
    numbers = [f"{target.running:,} running"] if target.running else []
    numbers += [f"{target.attempts} tries"] if target.attempts > 1 else []
    numbers += _bound(target, now)
    tail, called = "  ".join(numbers), clean(str(target.target))
    room = width - 14 - len(tail)
    below = "" if len(called) <= room else tail  # a name is worth more than its numbers
    tail, room = ("", width - 13) if below else (tail, room)
    lines: list[Line] = [
        (
            (f"{symbol} {state:<11}", tone),
            (fit(called, max(16, room)), Tone.PLAIN),
            (f" {tail}" if tail else "", Tone.MUTED),
        )
    ]
    error = "" if target.changes else target.error.removeprefix(f"{target.target}: ")
    texts = (
        (below, Tone.MUTED),
        (holding.fight(target), Tone.BAD),
        (holding.revival(target, now), Tone.BAD if target.state is TargetState.REVIVED else Tone.WARN),
        (error, Tone.BAD),
        ("" if target.changes else _note(target), Tone.MUTED),
    )
    for text, its_tone in texts:
        lines += wrapped(clean(text, most=400), width - 2, tone=its_tone, indent=" " * 13)
    return [*lines, *holding.differences(target, width - 2, " " * 13)]


def _note(target: TargetProgress) -> str:
    if target.evidence is not None and target.evidence.grade.proves:
        return f"{target.evidence.grade}: {target.evidence.detail}"
    return target.note


def _bound(target: TargetProgress, now: datetime) -> list[str]:
    """How long until nothing can outlive the change, where the platform gives such a bound."""
    bound = target.accepted.bound if target.accepted else None
    if bound is None or target.state.settled:
        return []
    left = (bound - now).total_seconds()
    return [f"ends within {words.lasting(left)}" if left > 0 else "bound passed, reading back"]


def waiting(scope: str, width: int) -> list[Line]:
    """A halt was confirmed; the engine has not begun to report."""
    return [
        plain(f"HALTING {clean(scope)}", Tone.ACCENT),
        BLANK,
        *wrapped("confirmed; writing intent and prior states down before the first change", width, tone=Tone.MUTED),
    ]
