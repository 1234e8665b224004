"""What happens when a halted target acts again: it is halted again, and a fight is called one.

One object per lane; it decides how long to wait and tells who must know. It halts nothing itself.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Protocol

from killswitch_backends.protocol import Accepted, Observation
from killswitch_console.halting.events import EngineEvent, Fight, Reasserted, Revived
from killswitch_console.halting.progress import TargetProgress, TargetState
from killswitch_inventory.targets import TargetId

FIGHT_MOST: Final = 5
"""Revivals within ``FIGHT_SECONDS`` that a hold settles by itself; with one more it asks for a human, and goes on."""

FIGHT_SECONDS: Final = 300.0

FIRST_SECONDS: Final = 0.05
LONGEST_SECONDS: Final = 0.5
"""Pause before a re-assertion: none at first, then doubling up to this. A halt that loses a fight slowly is no halt."""


@dataclass(frozen=True, slots=True)
class Revival:
    """One time that a proven target acted again; by whom, as far as the platform tells; until when."""

    target: TargetId
    at: datetime
    by: str
    reasserted_at: datetime | None = None


class Ear(Protocol):
    """Who hears of revivals: the board, which tells the faces and the ledger."""

    def tell(self, event: EngineEvent) -> None:
        """Tell the faces."""

    def note_revival(self, revival: Revival) -> None:
        """Keep it."""


class Reviving:
    """The revivals of one halt on one backend."""

    def __init__(self, halt_id: str, ear: Ear) -> None:
        self._halt_id = halt_id
        self._ear = ear
        self._recent: defaultdict[TargetId, deque[float]] = defaultdict(deque)
        """Loop times of the latest revivals."""

    def seen_acting(
        self, before: TargetProgress, after: TargetProgress, observation: Observation
    ) -> tuple[TargetProgress, float]:
        """A target acts: where it stands then, and seconds to wait before it is halted again."""
        if after.stopped_at is None:
            return after, FIRST_SECONDS
        if before.state is TargetState.REVIVED:
            return self._named(after, observation), self._pause(after.target)
        pause = self._pause(after.target)
        self._recent[after.target].append(asyncio.get_running_loop().time())
        after = replace(after, revivals=after.revivals + 1, revived_at=observation.at, revived_by=observation.note)
        self._ear.note_revival(Revival(after.target, observation.at, observation.note))
        self._ear.tell(Revived(self._halt_id, after.target, observation.at, observation.note, after.revivals))
        return self._fighting(after), pause

    def _named(self, after: TargetProgress, observation: Observation) -> TargetProgress:
        """The platform told later who it was."""
        if after.revived_at is None or observation.note in ("", after.revived_by):
            return after
        self._ear.note_revival(Revival(after.target, after.revived_at, observation.note))
        return replace(after, revived_by=observation.note)

    def _fighting(self, after: TargetProgress) -> TargetProgress:
        count = self._count(after.target)
        if count <= FIGHT_MOST or after.fighting:
            return after
        self._ear.tell(Fight(self._halt_id, after.target, count, FIGHT_SECONDS, after.revived_by))
        return replace(after, fighting=True)

    def reasserted(self, after: TargetProgress, answer: Accepted) -> TargetProgress:
        """The platform took a halt; if that was after a revival, say so."""
        if after.revived_at is None or (after.reasserted_at is not None and after.reasserted_at >= after.revived_at):
            return after
        self._ear.note_revival(Revival(after.target, after.revived_at, after.revived_by, answer.at))
        seconds = (answer.at - after.revived_at).total_seconds()
        self._ear.tell(Reasserted(self._halt_id, after.target, answer.at, seconds))
        return replace(after, reasserted_at=answer.at)

    def calm(self, targets: Callable[[TargetId], TargetProgress]) -> list[TargetProgress]:
        """Targets whose fight is over: nothing revived them for a while."""
        return [
            replace(progress, fighting=False)
            for target in list(self._recent)
            if (progress := targets(target)).fighting and self._count(target) == 0
        ]

    def _count(self, target: TargetId) -> int:
        recent, now = self._recent[target], asyncio.get_running_loop().time()
        while recent and now - recent[0] > FIGHT_SECONDS:
            recent.popleft()
        return len(recent)

    def _pause(self, target: TargetId) -> float:
        count = self._count(target)
        return min(LONGEST_SECONDS, FIRST_SECONDS * 2.0 ** min(count - 1, 10)) if count else 0.0
