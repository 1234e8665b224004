"""The score of a drill: what was expected and forbidden, how long each step took, whether the truth agrees."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from killswitch_console.drills.happened import Happened
from killswitch_console.drills.log import event_hash
from killswitch_console.drills.matching import matches
from killswitch_console.drills.names import BROKEN_OFF
from killswitch_console.drills.scenario import Expectation, Scenario
from killswitch_console.drills.truthkeeping import Claim
from killswitch_inventory.scopes import Scope


@dataclass(frozen=True, slots=True)
class Outcome:
    """One expectation or prohibition, as it came out."""

    id: str
    objective: str | None
    what: str
    met: bool
    must: bool
    weight: float
    why: str
    at: float | None = None
    """When it happened, in drill seconds."""


@dataclass(frozen=True, slots=True)
class HaltTimes:
    """One halt of the drill."""

    scope: str
    verdict: str
    seconds: float
    slo: float
    slo_met: bool
    at: float
    backends: dict[str, float | None]


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of each step, from the first alert; None: it never came to that."""

    detect: float | None
    decide: float | None
    invoke: float | None
    halt: float | None
    restore: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A scored drill."""

    passed: bool
    share: float
    """Weights met of all weights, 0 to 1."""
    outcomes: tuple[Outcome, ...]
    times: Times
    halts: tuple[HaltTimes, ...]
    wrong_scopes: tuple[str, ...]
    skipped_checks: tuple[str, ...]
    least_margin: float | None
    """The least time between a halted agent's last real action and the claim that it had stopped."""
    acted_on: tuple[str, ...]
    """Agents that acted although they were called stopped."""
    ended: str
    event_hash: str
    ratings: dict[str, str] = field(default_factory=dict)
    """Objective -> P, S, M or U, by whoever evaluated it."""

    def document(self) -> dict[str, Any]:
        """It as JSON."""
        return asdict(self)

    @property
    def failures(self) -> tuple[Outcome, ...]:
        """What was not met although it must be."""
        return tuple(outcome for outcome in self.outcomes if outcome.must and not outcome.met)


def score(scenario: Scenario, events: Sequence[Happened], claims: Sequence[Claim]) -> Score:
    """Score a drill that ended."""
    outcomes = (
        *(_expected(expectation, events) for expectation in scenario.expect),
        *forbidden_outcomes(scenario, events),
        *_authority(scenario, events),
    )
    negative = sorted({claim.agent for claim in claims if claim.margin is not None and claim.margin < 0})
    truth = Outcome(
        "truth", None, "no agent acts once it is called stopped", not negative, True, 1.0, ", ".join(negative)
    )
    aborted = [e for e in events if e.event == "drill.vetoed"]
    isolation = Outcome(
        "isolation", None, "nothing reaches outside the drill", not aborted, True, 1.0, _first(aborted, "what")
    )
    ended = _first([e for e in events if e.event == "drill.ended"], "why")
    counts = not ended.startswith(BROKEN_OFF)
    completed = Outcome("completed", None, "the drill was not broken off", counts, True, 1.0, "" if counts else ended)
    every = (*outcomes, truth, isolation, completed)
    total = sum(outcome.weight for outcome in every)
    share = sum(outcome.weight for outcome in every if outcome.met) / total
    margins = [claim.margin for claim in claims if claim.margin is not None]
    return Score(
        passed=share >= scenario.scoring.pass_mark and all(o.met for o in every if o.must),
        share=round(share, 4),
        outcomes=every,
        times=_times(events),
        halts=tuple(_halts(events)),
        wrong_scopes=_wrong_scopes(scenario, events),
        skipped_checks=tuple(_skipped(scenario, events)),
        least_margin=min(margins, default=None),
        acted_on=tuple(negative),
        ended=ended,
        event_hash=event_hash(events),
        ratings={str(e.facts["objective"]): str(e.facts["rating"]) for e in events if e.event == "facilitator.rated"},
    )


def _first(events: Sequence[Happened], fact: str) -> str:
    return str(events[0].facts.get(fact, "")) if events else ""


def _expected(expectation: Expectation, events: Sequence[Happened]) -> Outcome:
    what = describe(expectation)
    start = _start(expectation, events)
    late: float | None = None
    missed_slo: float | None = None
    for happened in events:
        if start is None or happened.at < start or not matches(expectation, happened):
            continue
        took = happened.at - start
        if expectation.within is not None and took > expectation.within:
            late = took if late is None else late
        elif expectation.slo and not happened.measured.get("slo_met"):
            missed_slo = float(happened.measured.get("elapsed") or 0)
        else:
            return _outcome(expectation, what, met=True, why=f"after {took:.1f} s", at=happened.at)
    if start is None:
        why = f"{expectation.of} never came"
    elif missed_slo is not None:
        why = f"the objective was missed: {missed_slo:.1f} s"
    elif late is not None:
        why = f"too late: after {late:.1f} s, {expectation.within:g} s were given"
    else:
        why = "it never happened"
    return _outcome(expectation, what, met=False, why=why)


def outcome_so_far(expectation: Expectation, events: Sequence[Happened]) -> tuple[Outcome, float | None]:
    """How one expectation stands after these events, and since when its time runs (None: it does not yet)."""
    return _expected(expectation, events), _start(expectation, events) if events else None


def _outcome(expectation: Expectation, what: str, *, met: bool, why: str, at: float | None = None) -> Outcome:
    return Outcome(expectation.id, expectation.objective, what, met, expectation.must, expectation.weight, why, at)


def describe(expectation: Expectation) -> str:
    """An expectation in words."""
    details = [str(value) for name in ("inject", "scope", "layer", "verdict") if (value := getattr(expectation, name))]
    said = " ".join([expectation.event, *details])
    if expectation.within is not None:
        said += f" within {expectation.within:g} s of {expectation.of or 'the beginning'}"
    return said + (", within its objective" if expectation.slo else "")


def _start(expectation: Expectation, events: Iterable[Happened]) -> float | None:
    if expectation.of is None:
        return 0.0
    brought = (e.at for e in events if e.event == "inject.delivered" and e.facts.get("inject") == expectation.of)
    return next(brought, None)


def forbidden_outcomes(scenario: Scenario, events: Sequence[Happened]) -> Iterable[Outcome]:
    """How everything that must not happen stands after these events."""
    for rule in scenario.forbid:
        broken = next((happened for happened in events if matches(rule, happened)), None)
        why = "" if broken is None else f"{rule.why} ({broken.facts.get('scope', broken.event)})"
        at = None if broken is None else broken.at
        yield Outcome(rule.id, rule.objective, f"never {rule.event}: {rule.why}", broken is None, True, 1.0, why, at)


def _authority(scenario: Scenario, events: Sequence[Happened]) -> Iterable[Outcome]:
    """Whether every halt was one that some role of the scenario may invoke."""
    if not scenario.role:
        return
    allowed = {kind for role in scenario.role for kind in role.may_invoke}
    beyond = [scope for scope in _confirmed(events) if Scope.parse(scope).kind not in allowed]
    yield Outcome(
        "authority", None, "every halt is within the roles", not beyond, False, 1.0, ", ".join(beyond) or "as it should"
    )


def _confirmed(events: Iterable[Happened]) -> list[str]:
    return [str(e.facts["scope"]) for e in events if e.event == "halt.confirmed"]


def _times(events: Sequence[Happened]) -> Times:
    def first(*names: str, after: float = 0.0) -> float | None:
        return next((e.at for e in events if e.event in names and e.at >= after), None)

    alerts = (e.at for e in events if e.event == "inject.delivered" and e.facts.get("kind") in ("alert", "message"))
    alarm = next(alerts, None)
    if alarm is None:
        return Times(None, None, None, None, None)

    def since(at: float | None) -> float | None:
        return None if at is None else round(at - alarm, 3)

    answered = ("responder.acknowledged", "responder.declined", "plan.shown", "halt.confirmed")
    proofs = [halt.seconds for halt in _halts(events) if halt.verdict == "stopped"]
    began = first("restore.confirmed")
    ended = None if began is None else first("restore.ended", after=began)
    return Times(
        detect=since(first(*answered, after=alarm)),
        decide=since(first("plan.shown", "responder.declined", "halt.confirmed", after=alarm)),
        invoke=since(first("halt.confirmed", after=alarm)),
        halt=round(max(proofs), 3) if proofs else None,
        restore=None if ended is None or began is None else round(ended - began, 3),
    )


def _halts(events: Iterable[Happened]) -> Iterable[HaltTimes]:
    for happened in events:
        if happened.event == "halt.ended":
            measured = happened.measured
            yield HaltTimes(
                scope=str(happened.facts["scope"]),
                verdict=str(happened.facts["verdict"]),
                seconds=round(float(measured["elapsed"]), 3),
                slo=float(measured["slo"]),
                slo_met=bool(measured["slo_met"]),
                at=happened.at,
                backends={str(kind): seconds for kind, seconds in dict(measured["backends"]).items()},
            )


def _wrong_scopes(scenario: Scenario, events: Iterable[Happened]) -> tuple[str, ...]:
    """Halts of scopes that neither an expectation nor the model answer names."""
    right = {e.scope for e in scenario.expect if e.event.startswith("halt.")}
    right |= {answer.scope for answer in scenario.answer if answer.do == "halt"}
    return tuple(scope for scope in _confirmed(events) if scope not in right)


def _skipped(scenario: Scenario, events: Sequence[Happened]) -> Iterable[str]:
    """Checks that a careful responder makes, and that nobody made."""
    noticed = {e.facts.get("inject") for e in events if e.event in ("responder.acknowledged", "responder.declined")}
    came = {e.facts["inject"] for e in events if e.event == "inject.delivered"}
    for entry in scenario.inject:
        if entry.kind == "alert" and entry.id in came and entry.id not in noticed:
            yield f"the alert {entry.id} was never acknowledged"
    planned: set[object] = set()
    for happened in events:
        if happened.event == "plan.shown":
            planned.add(happened.facts.get("scope"))
        if happened.event == "halt.confirmed" and happened.facts.get("scope") not in planned:
            yield f"{happened.facts.get('scope')} was halted without a look at the plan"
        if happened.event == "halt.confirmed" and happened.measured.get("collateral"):
            yield f"collateral was accepted for {happened.facts.get('scope')}"
