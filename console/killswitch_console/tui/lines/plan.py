"""A plan in words: who and what it hits, what it leaves and why, before anything asks for a confirmation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import islice

from killswitch_console.halting.plan import Plan, PlannedTarget
from killswitch_console.hostile import clean
from killswitch_console.tui.lines import words
from killswitch_console.tui.lines.spans import BLANK, Line, Span, Tone, fit, heading, plain, wrapped
from killswitch_console.tui.ordering import natural
from killswitch_inventory.agents import AgentKey
from killswitch_inventory.scopes import Scope
from killswitch_inventory.targets import BackendRef

NAMES_MOST = 12
"""Agents named in one breath."""

TARGETS_MOST = 500
"""Targets listed per backend; the rest is counted."""


def called(scopes: Sequence[Scope]) -> str:
    """One scope by its name, several by their number."""
    return str(scopes[0]) if len(scopes) == 1 else f"{len(scopes)} marked agents"


def summary(plan: Plan, slo_seconds: float, width: int) -> list[Line]:
    """The plan in three lines or so: for the head of the screen, and for the dialog that asks."""
    agents, targets = words.counted(len(plan.agents), "agent"), words.counted(len(plan.targets), "target")
    running = sum(agent.concurrency for agent in plan.agents)
    first: list[Span] = [
        (f"{clean(str(plan.scope))}  ", Tone.STRONG),
        (f"{agents}, {running:,} running, {targets}", Tone.PLAIN),
    ]
    lines: list[Line] = [tuple(first)]
    if len(plan.agents) > 1:
        lines += wrapped(named([agent.key for agent in plan.agents]), width, tone=Tone.MUTED)
    calls = sum(floor.api_calls for floor in plan.floors.values())
    seconds = max((floor.floor_seconds for floor in plan.floors.values()), default=0.0)
    lines.append(
        (
            (f"SLO {slo_seconds:g} s", Tone.PLAIN),
            (f"  {words.counted(calls, 'call')}", Tone.MUTED),
            (f", rate limits take at least {words.lasting(seconds)}" if seconds else "", Tone.MUTED),
            (": longer than the SLO" if seconds > slo_seconds else "", Tone.BAD),
        )
    )
    return lines


def acting(plans: Sequence[Plan], width: int) -> list[Line]:
    """As whom, on each platform: for the dialog that asks."""
    told = dict.fromkeys(f"{one.backend}: {one}" for plan in plans for one in plan.identities)
    return [line for one in told for line in _as(one, width)]


def _as(told: str, width: int) -> list[Line]:
    return wrapped(f"as {clean(told, most=400)}", width, tone=Tone.MUTED)


def warnings(plan: Plan, width: int) -> list[Line]:
    """What a person must weigh: collateral, what stays untouched, what is not seen, what may revive."""
    lines: list[Line] = []
    if plan.collateral:
        hit = sorted({key for c in plan.collateral for key in c.agents})
        text = f"! COLLATERAL: {words.counted(len(hit), 'agent')} outside the scope: {named(hit)}"
        lines += wrapped(text, width, tone=Tone.BAD)
    if plan.untouched:
        lines.append(plain(f"! {words.counted(len(plan.untouched), 'thing')} in scope left untouched", Tone.WARN))
    if plan.blinding:
        lines.append(plain("! a platform is not seen whole: agents may be missing", Tone.WARN))
    if plan.risks:
        kinds = len(plan.risks_by_text())
        lines.append(plain(f"! {words.counted(kinds, 'kind of risk', 'kinds of risk')}, see the plan", Tone.WARN))
    return lines


def whole(plan: Plan, slo_seconds: float, width: int) -> list[Line]:
    """All of a plan."""
    return [
        *summary(plan, slo_seconds, width),
        *_collateral(plan, width),
        *_untouched(plan, width),
        *_targets(plan, width),
        *_risks(plan, width),
    ]


def named(keys: list[AgentKey]) -> str:
    """Some agents by name, the rest by number."""
    in_order = sorted(keys, key=lambda key: natural(key.name))
    shown = ", ".join(clean(key.name, most=60) for key in islice(in_order, NAMES_MOST))
    more = len(keys) - NAMES_MOST
    return f"{shown} and {more:,} more" if more > 0 else shown


def _collateral(plan: Plan, width: int) -> list[Line]:
    if not plan.collateral:
        return []
    lines: list[Line] = [BLANK, heading("Collateral: agents outside the scope that would be hit", width)]
    for item in islice(plan.collateral, TARGETS_MOST):
        lines.append(plain(f"! {clean(str(item.target))}", Tone.BAD))
        lines += wrapped(f"also used by {named(list(item.agents))}", width - 2, indent="  ")
    return lines


def _untouched(plan: Plan, width: int) -> list[Line]:
    if not plan.untouched:
        return []
    lines: list[Line] = [BLANK, heading("Untouched: in scope, and not stopped by this", width)]
    for item in islice(plan.untouched, TARGETS_MOST):
        lines += wrapped(f"! {clean(item.id)}: {clean(item.reason, most=400)}", width, tone=Tone.WARN)
    return lines


def _risks(plan: Plan, width: int) -> list[Line]:
    """Each risk once, with the targets it is about."""
    about = plan.risks_by_text()
    if not about:
        return []
    lines: list[Line] = [BLANK, heading("Risks", width)]
    for risk, targets in about.items():
        lines += wrapped(f"! {words.counted(len(targets), 'target')}: {clean(risk, most=400)}", width, tone=Tone.WARN)
        more = f" and {len(targets) - 3:,} more" if len(targets) > 3 else ""
        shown = ", ".join(clean(str(target), most=80) for target in targets[:3])
        lines += wrapped(f"{shown}{more}", width, tone=Tone.MUTED, indent="  ")
    return lines


def _targets(plan: Plan, width: int) -> list[Line]:
    by_backend: defaultdict[BackendRef, list[PlannedTarget]] = defaultdict(list)
    for target in plan.targets:
        by_backend[target.target.backend].append(target)
    lines: list[Line] = []
    for ref, targets in sorted(by_backend.items()):
        floor = plan.floors.get(ref)
        cost = f", {words.counted(floor.api_calls, 'call')}" if floor else ""
        lines += [BLANK, heading(f"{clean(str(ref))}: {words.counted(len(targets), 'target')}{cost}", width)]
        lines += [line for one in plan.identities if one.backend == ref for line in _as(str(one), width)]
        room = max(len(clean(target.target.path)) for target in islice(targets, TARGETS_MOST))
        targets.sort(key=lambda target: natural(target.target.path))
        lines += [line for target in islice(targets, TARGETS_MOST) for line in _target(target, room, width)]
        if (more := len(targets) - TARGETS_MOST) > 0:
            lines.append(plain(f"and {words.counted(more, 'target')} more", Tone.MUTED))
    return lines


def _target(target: PlannedTarget, room: int, width: int) -> list[Line]:
    """One target in one line, its action beside it; what stood in the way of reading it below."""
    path = clean(target.target.path)
    action = clean(target.action or "halt", most=80)
    room = max(16, min(room, width - 4 - len(action)))
    lines: list[Line] = [
        (
            (f"{words.LETTER[target.layer]} ", Tone.ACCENT),
            (fit(path, room), Tone.PLAIN),
            (f"  {action}", Tone.MUTED),
        )
    ]
    if target.problem:
        lines += wrapped(clean(target.problem, most=400), width - 2, tone=Tone.WARN, indent="  ")
    return lines
