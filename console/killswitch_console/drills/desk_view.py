"""A frozen picture of a drill for whoever leads or discusses it: script, expectations, events, ratings, truth.

Made in the drill's loop from the director, or from a log up to some moment; drawn elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from killswitch_console.drills.cues import Cue, Stage
from killswitch_console.drills.desk import Desk
from killswitch_console.drills.happened import Happened
from killswitch_console.drills.scenario import AnyInject, Expectation, Scenario
from killswitch_console.drills.scoring import describe, forbidden_outcomes, outcome_so_far


class Standing(StrEnum):
    """How something expected stands now."""

    OPEN = "open"
    MET = "met"
    LATE = "late"
    """Its time is over, or it happened too late."""
    KEPT = "kept"
    """Forbidden, and it has not happened."""
    BROKEN = "broken"
    """Forbidden, and it has happened."""


@dataclass(frozen=True, slots=True)
class ScriptRow:
    """One inject."""

    id: str
    kind: str
    stage: str
    when: float | None
    """When it is due, or came; None: nobody knows yet."""
    by_hand: bool
    waits: str
    """For what, while nobody knows when."""
    text: str
    expected: str


@dataclass(frozen=True, slots=True)
class ExpectedRow:
    """One expectation, or something forbidden."""

    id: str
    what: str
    standing: Standing
    left: float | None = None
    """Drill seconds that remain for it, where its time runs."""


@dataclass(frozen=True, slots=True)
class ObjectiveRow:
    """One objective."""

    id: str
    statement: str
    rating: str
    notes: int


@dataclass(frozen=True, slots=True)
class TruthRow:
    """What one agent really does."""

    agent: str
    running: int
    actions: int
    denied: int
    last_action_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskView:
    """Everything at one moment."""

    title: str
    at: float
    duration: float
    speed: float
    began: bool
    over: str
    """Why it ended; empty while it goes on."""
    responders: int
    script: tuple[ScriptRow, ...]
    expected: tuple[ExpectedRow, ...]
    objectives: tuple[ObjectiveRow, ...]
    events: tuple[Happened, ...]
    truth: tuple[TruthRow, ...] = ()


def view_of(desk: Desk) -> DeskView:
    """The picture of a drill that is being led. Call it in the drill's loop."""
    director = desk.director
    events = tuple(director.log.events)
    at = director.clock.passed() if events else 0.0
    return DeskView(
        title=director.scenario.scenario.title,
        at=at,
        duration=director.scenario.scenario.duration,
        speed=director.clock.pace.speed,
        began=bool(events),
        over=_over(events),
        responders=desk.crew.present,
        script=tuple(_row(cue) for cue in director.cues.values()),
        expected=expected_at(director.scenario, events, at),
        objectives=objectives_of(director.scenario, events),
        events=events,
        truth=tuple(
            TruthRow(name, truth["running"], truth["actions"], truth["denied"], truth["last_action_at"] or "never")
            for name, truth in desk.world.truth().items()
        ),
    )


def view_at(scenario: Scenario, events: Sequence[Happened], at: float) -> DeskView:
    """The picture of a drill that was played, at a moment of it."""
    until = tuple(e for e in events if e.at <= at)
    return DeskView(
        title=scenario.scenario.title,
        at=at,
        duration=max([scenario.scenario.duration if not events else 0.0, *(e.at for e in events[-1:])]),
        speed=0.0,
        began=bool(until),
        over=_over(until),
        responders=0,
        script=tuple(_recorded(inject, until) for inject in scenario.inject),
        expected=expected_at(scenario, until, at),
        objectives=objectives_of(scenario, until),
        events=until,
    )


def _over(events: Sequence[Happened]) -> str:
    return next((str(e.facts.get("why")) for e in reversed(events) if e.event == "drill.ended"), "")


def _row(cue: Cue) -> ScriptRow:
    when = cue.delivered_at if cue.stage is Stage.DELIVERED else cue.due
    return _script_row(cue.inject, str(cue.stage), when)


def _recorded(inject: AnyInject, events: Sequence[Happened]) -> ScriptRow:
    came = next((e for e in events if e.event.startswith("inject.") and e.facts.get("inject") == inject.id), None)
    if came is None:
        return _script_row(inject, "waiting", inject.at)
    return _script_row(inject, came.event.partition(".")[2], came.at)


def _script_row(inject: AnyInject, stage: str, when: float | None) -> ScriptRow:
    text = str(getattr(inject, "text", "") or getattr(inject, "operation", "") or inject.kind)
    waits = ""
    if when is None and (inject.after or inject.when):
        waits = f"after {inject.after}" if inject.after else f"on {inject.when.event if inject.when else ''}"
        waits += f" + {inject.delay:g} s" if inject.delay else ""
    return ScriptRow(inject.id, inject.kind, stage, when, inject.by_hand, waits, text, inject.expected)


def expected_at(scenario: Scenario, events: Sequence[Happened], at: float) -> tuple[ExpectedRow, ...]:
    """How every expectation and prohibition stands after these events."""
    return (
        *(_expected(expectation, events, at) for expectation in scenario.expect),
        *(
            ExpectedRow(outcome.id, outcome.what, Standing.KEPT if outcome.met else Standing.BROKEN)
            for outcome in forbidden_outcomes(scenario, events)
        ),
    )


def _expected(expectation: Expectation, events: Sequence[Happened], at: float) -> ExpectedRow:
    outcome, started = outcome_so_far(expectation, events)
    if outcome.met:
        return ExpectedRow(expectation.id, describe(expectation), Standing.MET)
    left = None if started is None or expectation.within is None else started + expectation.within - at
    late = left is not None and left < 0
    return ExpectedRow(expectation.id, describe(expectation), Standing.LATE if late else Standing.OPEN, left)


def objectives_of(scenario: Scenario, events: Sequence[Happened]) -> tuple[ObjectiveRow, ...]:
    """Every objective with its latest rating and the number of notes about it."""
    ratings = {e.facts["objective"]: str(e.facts["rating"]) for e in events if e.event == "facilitator.rated"}
    notes = [e.facts.get("objective") for e in events if e.event == "facilitator.noted"]
    return tuple(ObjectiveRow(o.id, o.statement, ratings.get(o.id, ""), notes.count(o.id)) for o in scenario.objective)
