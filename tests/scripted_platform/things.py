"""What exists on the scripted platform: one number (``replicas``) and a mark.

What runs follows the number after ``drains`` seconds; ``history`` keeps when how much ran, so that a test can ask what
was true at the moment a proof claims.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from killswitch_inventory.agents import Health
from killswitch_inventory.sightings import HaltMark, TargetSighting
from killswitch_inventory.targets import Layer, TargetId

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Mark:
    halt_id: str
    prior: dict[str, Any]
    invoker: str = ""
    at: str = ""
    restorer: str = ""
    restore_at: str = ""

    @property
    def told(self) -> HaltMark:
        return HaltMark(self.halt_id, self.invoker, self.at, self.restorer, self.restore_at)


@dataclass(slots=True)
class Thing:
    """One resource: ``replicas`` is what is asked for, ``running()`` what really runs."""

    seen: TargetSighting
    """As it is listed while nothing is wrong with it."""
    replicas: int
    drains: float
    clock: Clock
    touched: Callable[[TargetId], None]
    """Told whenever it is not as it was."""
    gone: bool = False
    lockout: str | None = None
    unsupported: str | None = None
    note: str = ""
    history: list[tuple[datetime | None, int]] = field(default_factory=list)
    _mark: Mark | None = None

    def __post_init__(self) -> None:
        self.history.append((None, self.replicas))

    @property
    def target(self) -> TargetId:
        return self.seen.target

    @property
    def layer(self) -> Layer:
        return self.seen.layer

    @property
    def mark(self) -> Mark | None:
        return self._mark

    def carry(self, mark: Mark | None) -> None:
        """Have another mark, or none."""
        self._mark = mark
        self.touched(self.target)

    def announce(self, restorer: str, at: datetime) -> None:
        """Have the mark say who is about to restore it; nobody (an empty name): not any more."""
        assert self._mark is not None
        self.carry(replace(self._mark, restorer=restorer, restore_at=at.isoformat() if restorer else ""))

    @property
    def fields(self) -> dict[str, Any]:
        return {"replicas": self.replicas, "note": self.note}

    @property
    def action(self) -> str:
        return "deny all" if self.seen.identity else f"scale {self.replicas} -> 0"

    @property
    def concurrency(self) -> int:
        """How many copies run; an identity has none."""
        return 0 if self.seen.identity else self.running()

    def running(self, at: datetime | None = None) -> int:
        """What ran at a moment (now, if none is given)."""
        moment = at or self.clock()
        count = 0
        for since, number in self.history:
            if since is None or since <= moment:
                count = number
        return count

    def set_up_off(self) -> None:
        """Let it have been at zero all along."""
        self.replicas, self.history = 0, [(None, 0)]

    def set(self, replicas: int) -> None:
        """Ask for so many from now on; fewer take ``drains`` seconds."""
        now, running = self.clock(), self.running()
        after = timedelta(seconds=self.drains if replicas < running else 0.0)
        self.replicas = replicas
        self.history = [*(entry for entry in self.history if _past(entry, now)), (now + after, replicas)]
        self.touched(self.target)

    def end(self) -> None:
        """What still drains is gone now."""
        now = self.clock()
        self.drains = 0.0
        self.history = [entry if _past(entry, now) else (now, entry[1]) for entry in self.history]
        self.touched(self.target)

    def sighting(self) -> TargetSighting:
        """As a listing tells it now."""
        return replace(
            self.seen,
            seen_at=self.clock(),
            instances=self.seen.instances[: self.running()],
            concurrency=self.concurrency,
            health=self.seen.health if self.replicas else Health.IDLE,
            off=self.replicas == 0,
            mark=self.mark.told if self.mark else None,
        )


def _past(entry: tuple[datetime | None, int], now: datetime) -> bool:
    since, _ = entry
    return since is None or since <= now
