"""A restore that was planned and not made, for people: what stands in the way first."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable

from killswitch_console.cli.output import print_json
from killswitch_console.halting.restore_plan import PlannedRestore, RestorePlan
from killswitch_console.halting.restore_plan_document import restore_plan_document
from killswitch_console.hostile import clean

MOST = 30
"""Lines of one part; JSON has them all."""


def show(plan: RestorePlan, *, as_json: bool) -> None:
    """Print it."""
    print_json(restore_plan_document(plan)) if as_json else _print(plan)


def _print(plan: RestorePlan) -> None:
    header = plan.record.header
    back = sum(target.comes_back for target in plan.targets)
    _line(f"restore of {header.halt_id} ({plan.only or header.scope}): {back} of {len(plan.targets)} targets come back")
    if plan.takes_two:
        agreed = ", ".join(plan.approved_by)
        _line(f"takes two people: {f'{agreed} agreed' if agreed else 'nobody agreed yet'}")
    _part("IN THE WAY", plan.targets, lambda t: t.obstacles)
    _part("CHANGED since, left as they are", plan.targets, _differences)
    _part("stay halted", plan.targets, lambda t: [f"held by {halt_id}" for halt_id in t.held_by])
    _part("worked off at once", plan.targets, lambda t: t.backlog)
    _part("could not be found out", plan.targets, lambda t: t.unknown)
    for stage in plan.stages:
        lines = [f"{target.target}: {target.action or 'put back'}" for target in stage.targets if target.comes_back]
        _lines(f"then {stage.name}" if stage is not plan.stages[0] else f"first {stage.name}", lines)


def _differences(target: PlannedRestore) -> list[str]:
    return [f"{c.field}: the halt left {c.expected!r}, found {c.found!r}" for c in target.changes]


def _part(title: str, targets: Iterable[PlannedRestore], told: Callable[[PlannedRestore], Iterable[str]]) -> None:
    """What is told of targets, the same words once."""
    by_words: dict[str, list[PlannedRestore]] = {}
    for target in targets:
        for words in told(target):
            by_words.setdefault(words, []).append(target)
    _lines(title, [f"{_named(them)}: {words}" for words, them in by_words.items()])


def _named(targets: list[PlannedRestore]) -> str:
    return f"{targets[0].target}" + (f" and {len(targets) - 1} more" if len(targets) > 1 else "")


def _lines(title: str, lines: list[str]) -> None:
    if not lines:
        return
    _line(f"{title} ({len(lines)}):")
    for line in lines[:MOST]:
        _line(f"  {line}")
    if len(lines) > MOST:
        _line(f"  and {len(lines) - MOST} more (--json shows all)")


def _line(text: str) -> None:
    print(clean(text, most=1000), file=sys.stdout)
