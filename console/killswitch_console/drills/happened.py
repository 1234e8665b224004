"""What happens in a drill, in the words that scenarios, scores and reports use.

One vocabulary for what the script does (``inject.*``), what the console says (``plan.*``, ``halt.*``, ``restore.*``,
``target.*``, ``layer.*``, ``action.*``), what the responder says (``responder.*``) and what the facilitator does
(``facilitator.*``, ``drill.*``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

EVENTS: Final[Mapping[str, str]] = {
    "drill.began": "the clock started",
    "drill.ended": "the script, the facilitator or a stop condition ended it",
    "drill.vetoed": "something in drill mode reached for the world outside",
    "inject.delivered": "an inject took effect",
    "inject.skipped": "the facilitator left an inject out",
    "fault.lifted": "a fault's time was over",
    "responder.acknowledged": "the responder took notice of an inject",
    "responder.declined": "the responder decided not to do what somebody asked for, and said so",
    "plan.shown": "the responder was shown what a halt would do",
    "halt.confirmed": "a halt was confirmed and is under way",
    "layer.stopped": "every target of one layer of a halt is proven stopped",
    "halt.ended": "a halt came to its end; the verdict says how",
    "target.revived": "something made a halted target act again",
    "target.reasserted": "a revived target was halted again",
    "restore.confirmed": "a restore was confirmed and is under way",
    "restore.ended": "a restore came to its end; the verdict says how",
    "action.refused": "something was asked for and not done",
    "trail.trouble": "the console said that its trail cannot be written",
    "facilitator.did": "what the facilitator typed at the desk: an input, from which a drill can be played again",
    "facilitator.noted": "a note of the facilitator's",
    "facilitator.rated": "an objective was rated",
    "facilitator.paced": "the facilitator changed the pace",
}
"""Every event a scenario may name, and what it means."""


@dataclass(frozen=True, slots=True)
class Happened:
    """One event of a drill.

    ``facts`` are part of what the drill was: the same scenario, seed and inputs give the same ones. ``measured`` are
    times and counts of this run.
    """

    event: str
    at: float
    """Drill seconds since it began."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    measured: Mapping[str, Any] = field(default_factory=dict)
    seq: int = -1
    """Its place in the drill's log; -1 until it has one."""

    def document(self) -> dict[str, Any]:
        """It as JSON."""
        return asdict(self)

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Happened:
        """It from JSON. Raises ``TypeError`` or ``KeyError`` for something else."""
        return cls(
            event=str(document["event"]),
            at=float(document["at"]),
            facts=dict(document["facts"]),
            measured=dict(document["measured"]),
            seq=int(document["seq"]),
        )
