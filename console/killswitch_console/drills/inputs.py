"""The inputs of a drill, as its log has them: what the facilitator typed, and what a person did at the console.

With the scenario and its seed they are all it takes to play a drill again and come to the same events.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from killswitch_console.drills.clock import Pace
from killswitch_console.drills.desk import PACES, Desk
from killswitch_console.drills.happened import Happened
from killswitch_console.drills.players import Player

TYPED: Final = "typed"

_ACTS: Final = {
    "responder.acknowledged": "acknowledge",
    "responder.declined": "decline",
    "plan.shown": "plan",
    "halt.confirmed": "halt",
    "restore.confirmed": "restore",
}
"""What a person did at the console, by the event that tells of it."""


@dataclass(frozen=True, slots=True)
class Input:
    """One input, at its drill time."""

    at: float
    do: str
    """``typed`` at the facilitator's desk, or what was done at the console."""
    about: Mapping[str, Any] = field(default_factory=dict)

    def give(self, desk: Desk, player: Player) -> None:
        """Give it once more."""
        if self.do == TYPED:
            desk.do(str(self.about["line"]))
        else:
            player.repeat(self.do, self.about)

    def document(self) -> dict[str, Any]:
        """It as JSON."""
        return asdict(self)

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Input:
        """It from JSON."""
        return cls(float(document["at"]), str(document["do"]), dict(document["about"]))


class Nobody:
    """The crew of a drill in which scripted players play."""

    real = False
    present = 0

    def paced(self, pace: Pace) -> None:
        """Nobody's clock follows."""

    def tell(self, what: str, **about: Any) -> None:
        """Nobody hears it."""


def inputs_of(events: Sequence[Happened], *, person: bool) -> tuple[Input, ...]:
    """The inputs of a drill that was played; ``person``: with what was done at the console, which no script says.

    How fast time ran is left out: played again, it jumps.
    """
    return tuple(_inputs(events, person=person))


def _inputs(events: Sequence[Happened], *, person: bool) -> Iterator[Input]:
    for happened in events:
        if happened.event == "facilitator.did":
            line = str(happened.facts["line"])
            if line.partition(" ")[0] not in PACES:
                yield Input(float(happened.measured["at"]), TYPED, {"line": line})
        elif person and happened.event in _ACTS:
            told = {name: happened.measured[name] for name in ("reason",) if name in happened.measured}
            yield Input(happened.at, _ACTS[happened.event], {**happened.facts, **told})
