"""A drill as lines: the header, the script, what is expected, what happens, objectives, truth. Pure."""

from __future__ import annotations

from typing import Final

from killswitch_console.drills.desk_view import DeskView, ExpectedRow, ScriptRow, Standing
from killswitch_console.drills.durations import clock_text
from killswitch_console.drills.happened import Happened
from killswitch_console.hostile import clean
from killswitch_console.tui.lines.spans import Line, Tone, fit, heading, plain, spread

_STAGES: Final = {
    "waiting": ("·", Tone.MUTED),
    "due": ("»", Tone.PLAIN),
    "held": ("‖", Tone.WARN),
    "delivered": ("✓", Tone.OK),
    "skipped": ("✗", Tone.MUTED),
}

_STANDINGS: Final = {
    Standing.OPEN: ("…", Tone.PLAIN),
    Standing.MET: ("✓", Tone.OK),
    Standing.LATE: ("!", Tone.BAD),
    Standing.KEPT: ("·", Tone.MUTED),
    Standing.BROKEN: ("✗", Tone.BAD),
}

_TONES: Final = (
    ("drill.", Tone.DRILL_TEXT),
    ("facilitator.", Tone.MUTED),
    ("inject.", Tone.ACCENT),
    ("fault.", Tone.ACCENT),
    ("responder.", Tone.STRONG),
    ("plan.", Tone.STRONG),
    ("halt.", Tone.HALTED),
    ("layer.", Tone.HALTED),
    ("target.", Tone.WARN),
    ("action.", Tone.WARN),
    ("trail.", Tone.WARN),
    ("restore.", Tone.OK),
)


def header(view: DeskView, word: str, width: int) -> list[Line]:
    """What is played, the time, how fast it runs, and who is there; under it where in the drill this is."""
    if view.over:
        state = f"over: {view.over}"
    elif not view.began:
        state = "waiting for a responder"
    else:
        state = "PAUSED" if view.speed == 0 else f"{view.speed:g}x"
    there = "nobody joined" if not view.responders else f"{view.responders} at the console"
    left: Line = ((f" {word} ", Tone.DRILL), (f" {clean(view.title, most=width // 2)}", Tone.STRONG))
    tail: Line = (
        (f"{there}  ", Tone.MUTED),
        (f"{clock_text(view.at)} ", Tone.STRONG),
        (f"{clean(state, most=40)} ", Tone.WARN),
    )
    return [spread(left, tail, width), scale(view, width)]


def recorded_header(view: DeskView, said: str, width: int) -> list[Line]:
    """The same of a recording."""
    left: Line = ((" DRILL REPLAY ", Tone.DRILL), (f" {clean(view.title, most=width // 2)}", Tone.STRONG))
    tail: Line = ((f"{said}  ", Tone.MUTED), (f"{clock_text(view.at)} ", Tone.STRONG))
    return [spread(left, tail, width), scale(view, width)]


def scale(view: DeskView, width: int) -> Line:
    """The drill from end to end: what was brought, what is due, and now."""
    room, end = max(10, width - 16), max(view.duration, view.at, 1.0)
    cells = ["─"] * room

    def put(at: float | None, mark: str) -> None:
        if at is not None:
            cells[min(room - 1, int(at / end * (room - 1)))] = mark

    for row in view.script:
        put(row.when, "●" if row.stage == "delivered" else "○")
    for happened in view.events:
        if happened.event in ("halt.confirmed", "restore.confirmed"):
            put(happened.at, "H" if happened.event.startswith("halt") else "R")
    put(view.at, "▲")
    return ((f" {clock_text(0)} ", Tone.MUTED), ("".join(cells), Tone.ACCENT), (f" {clock_text(end)}", Tone.MUTED))


def script(view: DeskView, width: int) -> list[tuple[str, Line]]:
    """One row for each inject, by its id."""
    longest = max([8, *(len(row.id) for row in view.script)])
    return [(row.id, _script_row(row, min(longest, 20), width)) for row in view.script]


def _script_row(row: ScriptRow, longest: int, width: int) -> Line:
    symbol, tone = _STAGES.get(row.stage, ("?", Tone.WARN))
    when = (
        "  by hand"
        if row.by_hand and row.when is None
        else ("         " if row.when is None else f"{clock_text(row.when):>9}")
    )
    if row.by_hand and row.stage == "due":
        when = "  YOURS  "
    head = f" {symbol} {row.stage:9}{when}  "
    rest = width - len(head) - longest - 2
    said = f"[{row.waits}] {clean(row.text, most=300)}" if row.waits else clean(row.text, most=300)
    return ((head, tone), (f"{fit(clean(row.id), longest)}  ", Tone.STRONG), (fit(said, rest), Tone.PLAIN))


def chosen(row: ScriptRow | None, width: int) -> list[Line]:
    """The inject under the cursor: what it says, what is expected then."""
    if row is None:
        return [plain(" nothing is in the script", Tone.MUTED)]
    return [
        plain(fit(f" {row.kind}: {clean(row.text, most=400)}", width)),
        plain(fit(f" expected: {clean(row.expected or '-', most=300)}", width), Tone.ACCENT),
    ]


def expected(view: DeskView, width: int) -> list[Line]:
    """What has to happen, and what must not."""
    return [heading("Expected", width), *(_expected(row, width) for row in view.expected)]


def _expected(row: ExpectedRow, width: int) -> Line:
    symbol, tone = _STANDINGS[row.standing]
    left = "" if row.left is None else (f"{row.left:.0f} s left" if row.left >= 0 else f"{-row.left:.0f} s late")
    room = width - 14 - len(left)
    return (
        (f" {symbol} {row.standing:7}", tone),
        (fit(clean(row.what, most=300), room), Tone.PLAIN),
        (f" {left}", Tone.WARN),
    )


def objectives(view: DeskView, width: int) -> list[Line]:
    """Objectives with their ratings and notes."""
    lines = [heading("Objectives", width)]
    for row in view.objectives:
        tail = f"{row.rating or '-'}  {row.notes} note{'s' * (row.notes != 1)} "
        room = width - len(tail) - 2
        lines.append(
            (
                (f" {fit(f'{clean(row.id)}: {clean(row.statement, most=200)}', room)}", Tone.PLAIN),
                (f" {tail}", Tone.STRONG),
            )
        )
    return lines if view.objectives else [*lines, plain(" none are written down", Tone.MUTED)]


def evaluation(view: DeskView, width: int) -> list[Line]:
    """Objectives with their ratings, and everything that was noted."""
    lines = objectives(view, width)
    notes = [happened for happened in view.events if happened.event == "facilitator.noted"]
    lines += [heading("Notes", width)] if notes else []
    for happened in notes:
        about = happened.facts.get("objective")
        said = clean(f"{f'[{about}] ' if about else ''}{happened.facts.get('text', '')}", most=600)
        lines.append(((f" {clock_text(happened.at)}  ", Tone.MUTED), (fit(said, width - 9), Tone.PLAIN)))
    return lines


def happenings(view: DeskView, width: int) -> list[Line]:
    """Everything that happened, oldest first."""
    told = [happened for happened in view.events if happened.event != "facilitator.did"]
    return [event_line(happened, width) for happened in told] or [plain(" nothing has happened yet", Tone.MUTED)]


def event_line(happened: Happened, width: int) -> Line:
    """One event."""
    tone = next((tone for prefix, tone in _TONES if happened.event.startswith(prefix)), Tone.PLAIN)
    facts = [
        f"{value}" if name in ("scope", "inject", "verdict", "text", "why") else f"{name} {value}"
        for name, value in happened.facts.items()
        if value is not None
    ]
    facts += [f"{name} {happened.measured[name]}" for name in ("by", "reason", "why") if happened.measured.get(name)]
    if happened.event == "halt.ended":
        facts.append(f"{happened.measured['elapsed']:.1f} s of {happened.measured['slo']:g} s")
    said = clean("  ".join(facts), most=400)
    return (
        (f" {clock_text(happened.at)}  ", Tone.MUTED),
        (f"{happened.event:23} ", tone),
        (fit(said, width - 33), Tone.PLAIN),
    )


def truth(view: DeskView, width: int) -> list[Line]:
    """What every agent really does, whatever the console says."""
    lines = [heading("What responders do not see", width)]
    for row in view.truth:
        last = row.last_action_at[11:19] or row.last_action_at
        counts = f"running {row.running:<3} actions {row.actions:<7} denied {row.denied:<6} last {last}"
        said = f" {fit(clean(row.agent), 24)} {counts}"
        lines.append(plain(fit(said, width), Tone.BAD if row.running else Tone.OK))
    return lines if view.truth else [*lines, plain(" not known in a recording", Tone.MUTED)]
