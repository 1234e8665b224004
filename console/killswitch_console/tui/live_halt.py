"""One halt as it stands, for the screens: its record, and the live progress of what is under way. No Textual here.

Counts are kept incrementally, so that 5,000 targets moving ten times a second cost what moved and not the whole halt.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from killswitch_console.halting.approving import Approval
from killswitch_console.halting.events import Adopted
from killswitch_console.halting.progress import TargetProgress, TargetState
from killswitch_console.halting.record import HaltHeader, HaltRecord
from killswitch_console.halting.staging import Stage, stages
from killswitch_console.halting.verdict import Verdict
from killswitch_inventory.targets import BackendRef, TargetId


class Phase(StrEnum):
    """What is being done with a halt now."""

    HALTING = "halting"
    ENDED = "ended"
    RESTORING = "restoring"
    RESTORED = "restored"

    @property
    def under_way(self) -> bool:
        """Whether the engine is at work on it."""
        return self in (Phase.HALTING, Phase.RESTORING)


_ACCEPTED_ON = frozenset({TargetState.ACCEPTED, TargetState.DRAINING, TargetState.STOPPED, TargetState.REVIVED})


class Tally:
    """How far the targets of one backend are."""

    def __init__(self, ref: BackendRef) -> None:
        self.ref = ref
        self.states: Counter[TargetState] = Counter()
        self.accepted = 0
        """Targets whose change the platform took, whatever they are now."""
        self.last_stop: datetime | None = None
        self.planned = self.planned_stopped = 0
        """Targets that were in the plan, not taken in by the hold later: of those, an SLO speaks."""
        self.proven_then: datetime | None = None
        """When the last of them was proven stopped by the halt itself, whatever became of them since."""

    def count(self, target: TargetProgress, sign: int) -> None:
        """Count a target in (1) or out (-1)."""
        self.states[target.state] += sign
        self.accepted += sign * (target.accepted is not None or target.state in _ACCEPTED_ON)
        if target.adopted_at is not None:
            return
        self.planned += sign
        self.planned_stopped += sign * (target.state is TargetState.STOPPED)
        if sign > 0 and target.stopped_at is not None:
            self.last_stop = max(self.last_stop or target.stopped_at, target.stopped_at)

    @property
    def total(self) -> int:
        """All targets of this backend."""
        return sum(self.states.values())

    @property
    def stopped(self) -> int:
        """Targets that are proven stopped now."""
        return self.states[TargetState.STOPPED]

    @property
    def proven_at(self) -> datetime | None:
        """When the last of the planned ones was proven stopped; None if one never was."""
        return self.last_stop if self.planned_stopped == self.planned else self.proven_then


class LiveHalt:
    """One halt or restore as it stands now."""

    def __init__(self, record: HaltRecord, phase: Phase) -> None:
        self.phase = phase
        self.failure = ""
        """Why the engine could not do what was asked, in words; empty if it could."""
        self.warnings: list[str] = []
        self.holding = False
        """Whether this console holds it."""
        self.hold_ended = ""
        """Why this console does not hold it any more, if it did."""
        self.stages: list[Stage] = []
        """In which order the restore that is under way, or was last, puts things back."""
        self.take(record, phase)

    def take(self, record: HaltRecord, phase: Phase) -> None:
        """Replace all that is known by a record."""
        self.base, self.phase = record, phase
        self.held = record.held
        self._record: HaltRecord | None = record
        self._verdict: Verdict | None = None
        self.targets: dict[TargetId, TargetProgress] = {t.target: t for t in record.targets}
        self.restless: set[TargetId] = {t.target for t in record.targets if t.revivals}
        """Targets that something revived at least once."""
        self.tallies: dict[BackendRef, Tally] = {ref: Tally(ref) for ref in record.backends()}
        for target in record.targets:
            self.tallies[target.target.backend].count(target, 1)
        if phase is not Phase.HALTING:
            for tally in self.tallies.values():
                tally.proven_then = tally.proven_at
        if phase is Phase.RESTORING:
            self.stages = self.coming_stages()
        self.warn(record.warnings)

    def move(self, targets: Iterable[TargetProgress]) -> None:
        """Take in targets that moved."""
        for target in targets:
            tally = self.tallies.setdefault(target.target.backend, Tally(target.target.backend))
            if (before := self.targets.get(target.target)) is not None:
                tally.count(before, -1)
            self.targets[target.target] = target
            tally.count(target, 1)
            if target.revivals:
                self.restless.add(target.target)
        self._record = self._verdict = None

    def coming_stages(self) -> list[Stage]:
        """In which order a restore would put back what it has to now."""
        due = [t for t in self.touched() if t.state is not TargetState.RESTORED]
        return stages(due, self.header.scope)

    def adopt(self, news: Adopted) -> None:
        """Note agents that appeared in the scope and are halted too, and what the hold had to leave."""
        header = self.header
        grown = replace(
            header,
            agents=(*header.agents, *news.agents),
            newcomers=(*header.newcomers, *news.agents),
            untouched=(*header.untouched, *news.left),
        )
        self.base = replace(self.base, header=grown)
        self._record = self._verdict = None
        self.warn(f"new in the scope, and left: {u.id}: {u.reason}" for u in news.left)

    def approve(self, approvals: Iterable[Approval]) -> None:
        """Note all approvals of its restore that are known."""
        known = {(a.approver, a.at): a for a in (*self.base.approvals, *approvals)}  # the later one says if it is used
        self.base = replace(self.base, approvals=tuple(known.values()))
        self._record = None

    def revived(self) -> list[TargetProgress]:
        """Targets that something revived, the latest revival first."""
        found = [self.targets[target] for target in self.restless]
        return sorted(found, key=lambda t: (t.fighting, t.revived_at or self.header.invoked_at), reverse=True)

    def warn(self, texts: Iterable[str]) -> None:
        """Note what a person must know; the same thing once."""
        self.warnings += [text for text in texts if text not in self.warnings]

    @property
    def header(self) -> HaltHeader:
        """What was confirmed."""
        return self.base.header

    @property
    def verdict(self) -> Verdict:
        """What may be claimed of it as it stands; worked out once per change, it takes a step per target."""
        if self._verdict is None:
            self._verdict = self.record().verdict
        return self._verdict

    def touched(self) -> tuple[TargetProgress, ...]:
        """What a restore has to put back, as it stands now."""
        return self.record().touched

    def record(self) -> HaltRecord:
        """The record as it stands: a step per target."""
        if self._record is None:
            self._record = replace(self.base, targets=tuple(self.targets.values()))
        return self._record

    def counted(self, state: TargetState) -> int:
        """How many targets are in a state."""
        return sum(tally.states[state] for tally in self.tallies.values())

    @property
    def proven_at(self) -> datetime | None:
        """When the last planned target was proven stopped by the halt; None while one was not."""
        moments = [tally.proven_at for tally in self.tallies.values() if tally.planned]
        return max((m for m in moments if m), default=None) if all(moments) else None
