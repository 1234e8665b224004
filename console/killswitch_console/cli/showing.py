"""Plans and halts as plain text for people at dumb terminals and for screen readers."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TextIO

from killswitch_console.cli.main import DONE, UNPROVEN
from killswitch_console.cli.output import print_json, print_table
from killswitch_console.halting.document import halt_document, moment, names
from killswitch_console.halting.engine import utc_now
from killswitch_console.halting.events import EngineEvent, HaltBegun, TargetsMoved, Warned
from killswitch_console.halting.plan import Plan
from killswitch_console.halting.progress import TargetState
from killswitch_console.halting.record import HaltRecord
from killswitch_console.halting.verdict import Verdict
from killswitch_console.hostile import clean
from killswitch_inventory.targets import TargetId

MOST_LINES = 20
"""Rows of one list that are shown; how many more there are is always said."""


def print_plan(plan: Plan, *, to_stderr: bool = False) -> None:
    """A plan: who and what is hit, what is not, and what it costs."""
    out = sys.stderr if to_stderr else sys.stdout
    _line(out, f"Halting {plan.scope} in {plan.environment} ({plan.profile}): {_count(len(plan.agents), 'agent')}")
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


def print_halts(records: list[HaltRecord]) -> None:
    """All halts, newest last."""
    rows = [
        (
            r.header.halt_id,
            str(r.header.scope),
            r.verdict,
            "held" if r.held else "",
            moment(r.header.invoked_at) or "",
            str(r.header.invoker),
        )
        for r in records
    ]
    if rows:
        print_table(("HALT", "SCOPE", "VERDICT", "", "INVOKED", "BY"), rows)
    else:
        print("no halts are known here")


def print_halt(record: HaltRecord) -> None:
    """One halt: verdict first, then what is not proven, then the counts."""
    header, now = record.header, utc_now()
    took = f"{record.elapsed(now):.1f} s of {header.slo_seconds:g} s"
    by = f"by {header.invoker}"
    _line(sys.stdout, f"{record.verdict.upper()}  {header.halt_id}  {header.scope}  {took}  {by}")
    print(f"reason: {clean(header.reason)}" + (f"  incident: {clean(header.incident)}" if header.incident else ""))
    counts = Counter(target.state for target in record.targets)
    print("targets: " + (", ".join(f"{n} {state}" for state, n in sorted(counts.items())) or "none"))
    done = (TargetState.STOPPED, TargetState.RESTORED)
    left = [t for t in record.targets if t.state not in done]
    _lines(sys.stdout, "not proven", [f"{t.target}: {t.state} {t.error or t.note}" for t in left])
    _lines(sys.stdout, "untouched", [f"{u.id}: {u.reason}" for u in header.untouched])
    _lines(sys.stdout, "warnings", list(record.warnings))


def finish(record: HaltRecord, *, as_json: bool) -> int:
    """Print a halt or restore that ended; its exit code."""
    if as_json:
        print_json(halt_document(record, utc_now()))
    else:
        print_halt(record)
    return DONE if record.verdict in (Verdict.STOPPED, Verdict.RESTORED) else UNPROVEN


class Progress:
    """Tells a person on stderr how a halt goes: its id at once, then counts as they change."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._states: dict[str, TargetState] = {}
        self._shown = ""

    def __call__(self, event: EngineEvent) -> None:
        """Take one engine event."""
        match event:
            case HaltBegun(record):
                self._states = {str(t.target): t.state for t in record.targets}
                self._say(f"halt {record.header.halt_id} of {record.header.scope} is under way")
            case TargetsMoved(_, targets):
                self._states.update({str(t.target): t.state for t in targets})
                counts = Counter(self._states.values())
                self._say(", ".join(f"{n} {state}" for state, n in sorted(counts.items())))
            case Warned(text):
                self._say(f"warning: {text}")
            case _:
                return

    def _say(self, text: str) -> None:
        if self._quiet or text == self._shown:
            return
        self._shown = text
        print(clean(text, most=1000), file=sys.stderr, flush=True)


def _lines(out: TextIO, title: str, lines: list[str]) -> None:
    if not lines:
        return
    _line(out, f"{title} ({len(lines)}):")
    for line in lines[:MOST_LINES]:
        _line(out, f"  {line}")
    if len(lines) > MOST_LINES:
        _line(out, f"  and {len(lines) - MOST_LINES} more (--json shows all)")


def _line(out: TextIO, text: str) -> None:
    print(clean(text, most=1000), file=out)


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
