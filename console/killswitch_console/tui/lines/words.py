"""One word and one symbol per state, the same on every screen; and how durations and counts are said."""

from __future__ import annotations

from datetime import datetime

from killswitch_console.halting.progress import TargetState
from killswitch_console.halting.verdict import Verdict
from killswitch_console.tui.lines.spans import Span, Tone
from killswitch_inventory.agents import Health
from killswitch_inventory.sightedness import Sightedness
from killswitch_inventory.targets import Layer

HEALTH: dict[Health, tuple[str, Tone]] = {
    Health.OK: ("●", Tone.OK),
    Health.IDLE: ("○", Tone.MUTED),
    Health.UNKNOWN: ("?", Tone.WARN),
    Health.DEGRADED: ("▲", Tone.WARN),
    Health.FAILING: ("✖", Tone.BAD),
}

STATE: dict[TargetState, tuple[str, Tone]] = {
    TargetState.PENDING: ("·", Tone.MUTED),
    TargetState.REQUESTED: (">", Tone.PLAIN),
    TargetState.ACCEPTED: ("+", Tone.PLAIN),
    TargetState.DRAINING: ("▽", Tone.WARN),
    TargetState.STOPPED: ("■", Tone.HALTED),
    TargetState.BLOCKED: ("!", Tone.BAD),
    TargetState.FAILED: ("✖", Tone.BAD),
    TargetState.UNSUPPORTED: ("-", Tone.BAD),
    TargetState.UNKNOWN: ("?", Tone.WARN),
    TargetState.REVIVED: ("▲", Tone.BAD),
    TargetState.RESTORED: ("●", Tone.OK),
    TargetState.CONFLICT: ("≠", Tone.BAD),
}

VERDICT: dict[Verdict, tuple[str, Tone]] = {
    Verdict.STOPPED: ("■", Tone.HALTED),
    Verdict.LIMITED: ("◧", Tone.WARN),
    Verdict.INCOMPLETE: ("✖", Tone.BAD),
    Verdict.RESTORED: ("●", Tone.OK),
}

SIGHTEDNESS: dict[Sightedness, tuple[str, Tone]] = {
    Sightedness.WAITING: ("…", Tone.MUTED),
    Sightedness.LISTING: ("…", Tone.WARN),
    Sightedness.LIVE: ("●", Tone.OK),
    Sightedness.STALE: ("▲", Tone.WARN),
    Sightedness.FAILED: ("✖", Tone.BAD),
}

LETTER: dict[Layer, str] = {Layer.PROCESS: "P", Layer.CREDENTIAL: "C", Layer.CAPABILITY: "F"}
"""Process, credential, flag."""


def layers(present: tuple[Layer, ...]) -> str:
    """The layers of an agent in a fixed width: ``P C F``, a dot where one is missing."""
    return " ".join(LETTER[layer] if layer in present else "·" for layer in Layer)


def environment(name: str) -> Tone:
    """The colour of an environment: production red, staging amber, drill purple; its name says it too."""
    lower = name.lower()
    if lower.startswith("prod"):
        return Tone.PRODUCTION
    if lower.startswith(("stag", "pre", "test")):
        return Tone.STAGING
    if lower.startswith(("drill", "demo", "sim")):
        return Tone.DRILL
    return Tone.ELSEWHERE


def counted(number: int, one: str, many: str = "") -> str:
    """``1 agent``, ``1,200 agents``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def lasting(seconds: float) -> str:
    """A duration as people say it: tenths below ten seconds, the two largest units above."""
    seconds = max(0.0, seconds)
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 100:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def age(moment: datetime | None, now: datetime) -> str:
    """How old a fact is, in whole seconds and up; ``never`` for none."""
    if moment is None or moment.year == 1970:
        return "never"
    seconds = max(0, int((now - moment).total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min"
    return f"{seconds // 3600} h" if seconds < 86400 else f"{seconds // 86400} d"


def timer(elapsed: float, limit: float, *, done: bool) -> Span:
    """An SLO timer in words: what is left, then by how much it is overrun; or, when done, whether it was met."""
    if done:
        met = elapsed <= limit
        return f"SLO {'met' if met else 'missed'}: {lasting(elapsed)} of {limit:g} s", Tone.OK if met else Tone.BAD
    if elapsed <= limit:
        left = limit - elapsed
        return f"{lasting(left)} left of {limit:g} s", Tone.WARN if left < limit / 4 else Tone.PLAIN
    return f"OVER by {lasting(elapsed - limit)} of {limit:g} s", Tone.BAD
