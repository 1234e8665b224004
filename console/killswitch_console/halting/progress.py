"""How far each target of a halt is: the states of design.md section 3 and the only ways between them.

Pure data. The rule that matters most lives here: ``stopped`` cannot be constructed without evidence that proves it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from killswitch_backends.problems import Blocked, Gone, Problem, Refused, Unsupported
from killswitch_backends.protocol import (
    Accepted,
    AgentReports,
    Captured,
    Evidence,
    FieldChange,
    Grade,
    Observation,
    Sight,
    Watch,
)
from killswitch_inventory.agents import AgentKey
from killswitch_inventory.targets import BackendRef, Layer, TargetId


class TargetState(StrEnum):
    """Where a target is on its way (design.md section 3)."""

    PENDING = "pending"
    REQUESTED = "requested"
    ACCEPTED = "accepted"
    DRAINING = "draining"
    STOPPED = "stopped"
    BLOCKED = "blocked"
    FAILED = "failed"
    UNSUPPORTED = "unsupported"
    UNKNOWN = "unknown"
    REVIVED = "revived"
    RESTORED = "restored"
    CONFLICT = "conflict"

    @property
    def settled(self) -> bool:
        """Whether waiting longer in this halt or restore will not change it by itself."""
        return self in _SETTLED


_SETTLED = frozenset(
    {
        TargetState.STOPPED,
        TargetState.BLOCKED,
        TargetState.FAILED,
        TargetState.UNSUPPORTED,
        TargetState.RESTORED,
        TargetState.CONFLICT,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetProgress:
    """One target within one halt, from intent to proof to restore."""

    target: TargetId
    layer: Layer
    agents: tuple[AgentKey, ...]
    """The agents in scope that it is bound to."""
    state: TargetState = TargetState.PENDING
    captured: Captured | None = None
    accepted: Accepted | None = None
    evidence: Evidence | None = None
    requested_at: datetime | None = None
    stopped_at: datetime | None = None
    attempts: int = 0
    running: int | None = None
    note: str = ""
    reports: AgentReports | None = None
    """What agents say themselves of the change: their word, beside the evidence."""
    error: str = ""
    released: bool = False
    """A restore let go of it, but left it halted for another halt that holds it."""
    lifted: bool = False
    """A restore of it was begun: nobody may halt it again in this halt's name, whatever became of the restore."""
    adopted_at: datetime | None = None
    """When the hold added it: it appeared in the scope after the halt."""
    revivals: int = 0
    """How often something made it act again after it was proven stopped."""
    revived_at: datetime | None = None
    """When it was last seen acting again."""
    revived_by: str = ""
    """Who did that, in the platform's words, where it tells."""
    reasserted_at: datetime | None = None
    """When the platform took the halt again after the last revival."""
    fighting: bool = False
    """Something revives it faster than a hold alone can settle: a human must find out what."""
    changes: tuple[FieldChange, ...] = ()
    """In a conflict: what is not as the halt left it."""

    @property
    def holds(self) -> bool:
        """Whether this halt still keeps it halted, as far as it ever did."""
        return self.state is not TargetState.RESTORED and not self.released

    @property
    def kept(self) -> bool:
        """Whether a hold re-asserts it."""
        return self.holds and not self.lifted

    def __post_init__(self) -> None:
        if self.state is TargetState.STOPPED and not (self.evidence and self.evidence.grade.proves):
            raise ValueError(f"{self.target}: 'stopped' without evidence that proves it")


def requested(progress: TargetProgress, at: datetime) -> TargetProgress:
    """The change is on its way to the platform."""
    return replace(
        progress,
        state=TargetState.REQUESTED if progress.accepted is None else progress.state,
        requested_at=progress.requested_at or at,
        attempts=progress.attempts + 1,
        released=False,
    )


def recaptured(progress: TargetProgress, captured: Captured) -> TargetProgress:
    """Its prior state was read again, because it changed before the halt reached it."""
    return replace(progress, captured=captured, running=captured.running)


def accepted(progress: TargetProgress, answer: Accepted) -> TargetProgress:
    """The platform took the change: acknowledged, which proves nothing."""
    evidence = Evidence(Grade.ACKNOWLEDGED, answer.detail or "the platform accepted the change", answer.at)
    return replace(progress, state=TargetState.ACCEPTED, accepted=answer, evidence=evidence, error="")


def observed(progress: TargetProgress, observation: Observation) -> TargetProgress:
    """An independent look at it. What was stopped and acts again is ``revived``, whatever the time in between."""
    state = _SEEN_AS[observation.sight]
    if observation.sight is Sight.ACTING and progress.stopped_at is None:
        state = TargetState.ACCEPTED
    first_stop = observation.at if observation.sight is Sight.STOPPED else None
    return replace(
        progress,
        state=state,
        evidence=observation.evidence or _unproven(progress.evidence, observation),
        stopped_at=progress.stopped_at or first_stop,
        running=observation.running if observation.running is not None else progress.running,
        note=observation.note,
        reports=observation.reports or progress.reports,
    )


_SEEN_AS = {
    Sight.ACTING: TargetState.REVIVED,
    Sight.DRAINING: TargetState.DRAINING,
    Sight.STOPPED: TargetState.STOPPED,
    Sight.UNKNOWN: TargetState.UNKNOWN,
}


def _unproven(before: Evidence | None, observation: Observation) -> Evidence | None:
    """What is left of earlier evidence once a later look does not confirm it: an acknowledgement at most."""
    if before is None or not before.grade.proves:
        return before
    return Evidence(Grade.NONE, observation.note or f"no longer stopped: {observation.sight}", observation.at)


def refused(progress: TargetProgress, problem: Problem) -> TargetProgress:
    """The platform will not, or cannot: an end for this attempt."""
    state = TargetState.FAILED
    if isinstance(problem, Blocked):
        state = TargetState.BLOCKED
    elif isinstance(problem, Unsupported):
        state = TargetState.UNSUPPORTED
    return replace(progress, state=state, error=str(problem))


def delayed(progress: TargetProgress, problem: Problem) -> TargetProgress:
    """It did not work this time and will be tried again."""
    return replace(progress, error=str(problem))


def vanished(progress: TargetProgress, problem: Gone, at: datetime) -> TargetProgress:
    """The target was deleted between plan and halt: nothing is left to change, but what it ran may still run."""
    answer = progress.accepted or Accepted(progress.target, at, detail=f"no longer exists: {problem.what}")
    return accepted(progress, answer)


def to_prove_again(progress: TargetProgress) -> TargetProgress:
    """Where a target of an interrupted halt goes on from: evidence of another day proves nothing of today."""
    if progress.state is TargetState.RESTORED:
        return progress
    if progress.accepted is not None:
        return replace(accepted(progress, progress.accepted), released=False, lifted=False, changes=())
    return replace(progress, state=TargetState.PENDING, evidence=None, released=False, lifted=False, changes=())


def watch_of(progress: TargetProgress) -> Watch:
    """What a backend needs to look at it, or to put it back: where the answer to a halt was lost, its request's time.

    Raises:
        Refused: its prior state is not known.
    """
    if progress.captured is None:
        raise Refused(str(progress.target), "has no recorded prior state", todo="compare its mark and set it by hand")
    at = progress.requested_at or progress.captured.at
    return Watch(progress.captured, progress.accepted or Accepted(progress.target, at, detail="the answer was lost"))


def by_backend(targets: Iterable[TargetProgress]) -> dict[BackendRef, list[TargetProgress]]:
    """Targets by the backend they are on, in their order."""
    grouped: defaultdict[BackendRef, list[TargetProgress]] = defaultdict(list)
    for target in targets:
        grouped[target.target.backend].append(target)
    return dict(grouped)
