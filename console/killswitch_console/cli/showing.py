"""Plans and halts as plain text for people at dumb terminals and for screen readers."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from time import monotonic
from typing import TextIO

from killswitch_console.cli.main import DONE, UNPROVEN
from killswitch_console.cli.output import linear, print_facts, print_json, print_table
from killswitch_console.cli.speaking import Voice, silence
from killswitch_console.halting.cut_short import told
from killswitch_console.halting.document import halt_document, is_open, moment, names
from killswitch_console.halting.engine import utc_now
from killswitch_console.halting.events import (
    Adopted,
    EngineEvent,
    Fight,
    HaltBegun,
    HaltEnded,
    HoldChanged,
    OpenHalts,
    Reasserted,
    Revived,
    SafeguardPassed,
    TargetsMoved,
    Warned,
)
from killswitch_console.halting.foreign import ForeignHalt
from killswitch_console.halting.lease import Holding, Work
from killswitch_console.halting.plan import Plan
from killswitch_console.halting.progress import TargetState
from killswitch_console.halting.record import HaltRecord
from killswitch_console.halting.stale import stale
from killswitch_console.halting.verdict import Verdict
from killswitch_console.hostile import clean
from killswitch_inventory.targets import TargetId

LINEAR_SECONDS = 3.0
"""How often counts are told with ``--plain``."""

MOST_LINES = 20
"""Rows of one list that are shown; how many more there are is always said."""


def print_plan(plan: Plan, *, to_stderr: bool = False) -> None:
    """A plan: who and what is hit, what is not, and what it costs."""
    out = sys.stderr if to_stderr else sys.stdout
    _line(out, f"Halting {plan.scope} in {plan.environment} ({plan.profile}): {_count(len(plan.agents), 'agent')}")
    _lines(out, "acting as", [f"{one.backend}: {one}" for one in plan.identities])
    _lines(out, "agents", [str(agent.key) for agent in plan.agents])
    _lines(out, "targets", [f"{t.target}: {t.action or t.problem or 'halt'}" for t in plan.targets])
    _lines(
        out,
        "COLLATERAL, outside the scope",
        [f"{c.target} also hits {', '.join(names(c.agents))}" for c in plan.collateral],
    )
    _lines(out, "untouched", [f"{u.id}: {u.reason}" for u in plan.untouched])
    _lines(out, "risks", [_risk(text, targets) for text, targets in plan.risks_by_text().items()])
    for ref, floor in sorted(plan.floors.items()):
        _line(out, f"{ref}: {_count(floor.api_calls, 'call')}, at least {floor.floor_seconds:.1f} s")


def _risk(text: str, targets: list[TargetId]) -> str:
    others = f" and {len(targets) - 1} more" if len(targets) > 1 else ""
    return f"{targets[0]}{others}: {text}"


def print_halts(
    records: list[HaltRecord], at_work: Mapping[str, Holding | None], foreign: Sequence[ForeignHalt] = ()
) -> None:
    """What was cut short first, then halts of other bastions, then all halts, newest last."""
    cut = [r.header.halt_id for r in records if is_open(r) and at_work[r.header.halt_id] is None]
    _lines(sys.stdout, "CUT SHORT, `resume` finishes it", cut)
    back = [r.header.halt_id for r in records if r.restoring and at_work[r.header.halt_id] is None]
    _lines(sys.stdout, "RESTORE CUT SHORT, `restore` goes on with it, `hold` holds the rest", back)
    _lines(
        sys.stdout,
        "of OTHER BASTIONS, by their marks",
        [f"{f.halt_id} by {f.invoker} at {f.at}: {_count(len(f.targets), 'target')}" for f in foreign],
    )
    rows = [
        (
            r.header.halt_id,
            str(r.header.scope),
            r.verdict,
            _force(r, at_work[r.header.halt_id]),
            moment(r.header.invoked_at) or "",
            str(r.header.invoker),
        )
        for r in records
    ]
    if rows:
        print_table(("HALT", "SCOPE", "VERDICT", "IN FORCE", "INVOKED", "BY"), rows)
    else:
        print("no halts are known here")


def _force(record: HaltRecord, holding: Holding | None) -> str:
    """Whether it is in force, and who sees to that."""
    if holding is not None:
        return f"{holding.work} by process {holding.pid}"
    if is_open(record):
        return "cut short"
    if record.restoring is not None:
        return "its restore was cut short"
    return "held, nobody looks on" if record.kept else "not put back" if record.held else ""


def print_halt(record: HaltRecord, holding: Holding | None = None) -> None:
    """One halt: the verdict, the counts, who sees to it now, what is not proven, and whatever else is to be known."""
    _print_heading(record)
    counts = Counter(target.state for target in record.targets)
    print("targets: " + (", ".join(f"{n} {state}" for state, n in sorted(counts.items())) or "none"))
    _print_force(record, holding)
    if record.revivals:
        print(f"revivals: {record.revivals}, each halted again")
    done = (TargetState.STOPPED, TargetState.RESTORED)
    left = [t for t in record.targets if t.state not in done]
    _lines(sys.stdout, "not proven", [f"{t.target}: {t.state} {t.error or t.note}" for t in left])
    _lines(sys.stdout, "DIFFERENT from what the halt left", _differences(record))
    _lines(sys.stdout, "untouched", [f"{u.id}: {u.reason}" for u in record.header.untouched])
    left_over = stale(record)
    _lines(sys.stdout, "have not evaluated their flag since the halt", [*left_over.behind, *left_over.lost])
    _lines(sys.stdout, "may hold a stale flag value until they reconnect", list(left_over.silent))
    _lines(sys.stdout, "warnings", list(record.warnings))


def _print_heading(record: HaltRecord) -> None:
    header = record.header
    took = f"{record.elapsed(utc_now()):.1f} s of {header.slo_seconds:g} s"
    if linear():
        print_facts(
            [
                ("verdict", record.verdict),
                ("halt", header.halt_id),
                ("scope", str(header.scope)),
                ("took", took),
                ("by", str(header.invoker)),
                ("reason", header.reason),
                *([("incident", header.incident)] if header.incident else []),
            ]
        )
    else:
        by = f"by {header.invoker}"
        _line(sys.stdout, f"{record.verdict.upper()}  {header.halt_id}  {header.scope}  {took}  {by}")
        incident = f"  incident: {clean(header.incident)}" if header.incident else ""
        print(f"reason: {clean(header.reason)}{incident}")


def _print_force(record: HaltRecord, holding: Holding | None) -> None:
    """Who sees to it that it stays in force, and how old the proof is where nobody does."""
    if force := _force(record, holding):
        print(f"in force: {force}")
    if holding is None and record.held and record.evidence_at is not None:
        print(f"as of: {moment(record.evidence_at)}, when evidence was last taken; `hold` or `resume` looks again")
    if record.restoring is not None and (holding is None or holding.work is not Work.RESTORE):
        what = f"{told(record.restoring, record.touched)}, the rest is halted and not held"
        _line(sys.stdout, f"{what}: `restore` goes on with it, `hold` or `resume` keeps it halted")


def _differences(record: HaltRecord) -> list[str]:
    return [
        f"{t.target}: {c.field}: the halt left {c.expected!r}, found {c.found!r}"
        for t in record.targets
        for c in t.changes
    ]


def finish(record: HaltRecord, *, as_json: bool, wanted: Verdict = Verdict.STOPPED) -> int:
    """Print a halt or restore that ended; its exit code. A halt that another console restored meanwhile is not done."""
    try:
        print_json(halt_document(record, utc_now())) if as_json else print_halt(record)
        sys.stdout.flush()
    except OSError:  # nobody reads it; the exit code tells, and the ledger
        silence(sys.stdout)
    return DONE if record.verdict is wanted else UNPROVEN


class Progress:
    """Tells a person on stderr how a halt goes: its id at once, then counts as they change."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self.voice = Voice()
        self._states: dict[str, TargetState] = {}
        self._shown = ""
        self._next_counts = 0.0

    def __call__(self, event: EngineEvent) -> None:
        """Take one engine event."""
        match event:
            case HaltBegun(record):
                self._states = {str(t.target): t.state for t in record.targets}
                self._say(f"halt {record.header.halt_id} of {record.header.scope} is under way")
            case TargetsMoved(_, targets):
                self._states.update({str(t.target): t.state for t in targets})
                if linear() and monotonic() < self._next_counts:
                    return  # who hears every line read aloud wants few of them; the end is told whole
                self._next_counts = monotonic() + LINEAR_SECONDS
                counts = Counter(self._states.values())
                self._say(", ".join(f"{n} {state}" for state, n in sorted(counts.items())))
            case Warned(text):
                self._say(f"warning: {text}")
            case Revived(_, target, _, by, count):
                self._say(f"REVIVED: {target}" + (f" ({by})" if by else "") + f", for the {count}. time; halting it")
            case Fight(_, target, count, within):
                self._say(f"FIGHT: {target} was revived {count} times in {within:g} s; find out what revives it")
            case Adopted(_, agents, targets, left):
                names = ", ".join(str(key) for key in agents[:5]) or "agents"
                self._say(f"NEW in the scope: {names}: {len(targets)} targets are halted too, {len(left)} are left")
            case SafeguardPassed(_, what, _, why):
                self._say(f"SECURITY EVENT: {what}: {why}")
            case _:
                return

    def _say(self, text: str) -> None:
        if self._quiet or text == self._shown:
            return
        self._shown = text
        self.voice.say(text)


class HoldProgress(Progress):
    """Tells on stderr what a hold does: every event is one line with a time, for a journal."""

    def __init__(self) -> None:
        super().__init__(quiet=False)

    def __call__(self, event: EngineEvent) -> None:
        """Take one engine event; how targets move is told by their revivals."""
        match event:
            case OpenHalts(halts, foreign):
                unfinished = sum(record.ended_at is None for record in halts)
                self._say(
                    f"{_count(len(halts), 'halt')} in force, {unfinished} unfinished; "
                    f"{_count(len(foreign), 'halt')} of other bastions seen"
                )
            case HoldChanged(halt_id, holding, why):
                self._say(f"holding {halt_id}" if holding else f"{halt_id} is not held here any more: {why}")
            case Reasserted(_, target, _, seconds):
                self._say(f"halted again after {seconds:.2f} s: {target}")
            case HaltEnded(record):
                self._say(f"{record.header.halt_id}: {record.verdict}")
            case TargetsMoved():
                return
            case _:
                super().__call__(event)

    def _say(self, text: str) -> None:
        self.voice.say(f"{moment(utc_now())} {text}")


def _lines(out: TextIO, title: str, lines: list[str]) -> None:
    if not lines:
        return
    if not linear():
        _line(out, f"{title} ({len(lines)}):")
    for line in lines[:MOST_LINES]:
        _line(out, f"{title}: {line}" if linear() else f"  {line}")
    if len(lines) > MOST_LINES:
        _line(out, f"  and {len(lines) - MOST_LINES} more (--json shows all)")


def _line(out: TextIO, text: str) -> None:
    print(clean(text, most=1000), file=out)


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
