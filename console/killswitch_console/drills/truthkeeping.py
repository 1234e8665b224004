"""Holds what the console claims against what the simulated agents really did."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from killswitch_backends.simulator.acting import AgentTruth
from killswitch_console.drills.happened import Happened

Truth = Callable[[], Mapping[str, AgentTruth]]


@dataclass(slots=True)
class Claim:
    """The console's word that an agent stopped, and the truth of it."""

    agent: str
    halt: str
    claimed_at: float
    """Seconds since the epoch, in drill time."""
    last_action_at: float | None = None
    """Its last real action up to the last look."""
    actions: int = 0
    watched: bool = True
    """Until something revives it, or a restore begins."""

    @property
    def margin(self) -> float | None:
        """Seconds from its last real action to the claim. Negative: it acted although it was called stopped."""
        return None if self.last_action_at is None else self.claimed_at - self.last_action_at

    def document(self) -> dict[str, Any]:
        """It as JSON."""
        return asdict(self) | {"margin": self.margin}


class TruthKeeper:
    """Hears what happens; looks at the truth when a claim is made and before anything may rightly act again."""

    def __init__(self, truth: Truth) -> None:
        self._truth = truth
        self.claims: list[Claim] = []

    def hear(self, happened: Happened) -> None:
        """One event of the drill."""
        halt = str(happened.measured.get("halt"))
        match happened.event:
            case "halt.ended":
                known = {claim.agent for claim in self.claims if claim.halt == halt}
                found: Mapping[str, float] = happened.measured.get("claims") or {}
                self.claims += [Claim(name, halt, at) for name, at in found.items() if name not in known]
                self.look()
            case "restore.confirmed":
                self.look()
                self._let_go(halt)
            case "target.revived":
                self.look(but=halt)
                self._let_go(halt)
            case "drill.ended":
                self.look()
            case _:
                return

    def look(self, but: str | None = None) -> None:
        """Note what the agents of every claim did last; ``but``: not those of a halt, whose claims are void now."""
        truth = self._truth()
        for claim in self.claims:
            about = truth.get(claim.agent)
            if claim.watched and claim.halt != but and about is not None:
                at = about["last_action_at"]
                claim.last_action_at = None if at is None else datetime.fromisoformat(at).timestamp()
                claim.actions = about["actions"]

    def _let_go(self, halt: str) -> None:
        for claim in self.claims:
            if claim.halt == halt:
                claim.watched = False
