"""What a restore would meet, in words: what stands in the way first, then what waits and is worked off at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from killswitch_console.halting.restore_plan import PlannedRestore, RestorePlan
from killswitch_console.hostile import clean
from killswitch_console.tui.lines import words
from killswitch_console.tui.lines.spans import Line, Tone, plain, wrapped

MOST = 6
"""Lines of one kind; `restore HALT --plan` has all of them."""


def foreseen(plan: RestorePlan | str | None, width: int) -> list[Line]:
    """A plan; while there is none, that it is being made; or why it cannot be."""
    if plan is None:
        return [plain("asking the platforms what changed, what is missing, what waits ...", Tone.MUTED)]
    if isinstance(plan, str):
        return wrapped(f"! What it would meet is not known: {clean(plan, most=300)}", width, tone=Tone.WARN)
    back = sum(target.comes_back for target in plan.targets)
    tone = Tone.OK if back == len(plan.targets) else Tone.WARN
    lines = [plain(f"{back} of {words.counted(len(plan.targets), 'target')} would come back now", tone)]
    lines += _part("! in the way", plan.targets, lambda t: t.obstacles, width, Tone.BAD)
    lines += _part("! changed since, left as it is", plan.targets, _differences, width, Tone.WARN)
    lines += _part("! stays halted", plan.targets, lambda t: [f"held by {h}" for h in t.held_by], width, Tone.WARN)
    lines += _part("worked off at once", plan.targets, lambda t: t.backlog, width, Tone.WARN)
    lines += _part("not known", plan.targets, lambda t: t.unknown, width, Tone.MUTED)
    return lines


def _differences(target: PlannedRestore) -> list[str]:
    return [f"{c.field}: the halt left {c.expected!r}, found {c.found!r}" for c in target.changes]


def _part(
    title: str,
    targets: Iterable[PlannedRestore],
    told: Callable[[PlannedRestore], Iterable[str]],
    width: int,
    tone: Tone,
) -> list[Line]:
    """What is told of targets; the same words once, with how many they are about."""
    by_words: dict[str, list[PlannedRestore]] = {}
    for target in targets:
        for said in told(target):
            by_words.setdefault(said, []).append(target)
    lines: list[Line] = []
    for said, them in list(by_words.items())[:MOST]:
        of = str(them[0].target.path) + (f" and {len(them) - 1} more" if len(them) > 1 else "")
        lines += wrapped(clean(f"{title}: {of}: {said}", most=400), width, tone=tone)
    if (more := len(by_words) - MOST) > 0:
        lines.append(plain(f"and {more} more: restore --plan shows all", Tone.MUTED))
    return lines
