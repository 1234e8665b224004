"""What is wrong in a scenario that is well-formed: names that nobody has, orders that cannot be, times past the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from killswitch_backends.simulator.fleet import make_fleet
from killswitch_backends.simulator.seams import AgentSpec, Runtime
from killswitch_console.drills.scenario import Answer, AnyInject, Pattern, ScaleInject, Scenario, Word
from killswitch_inventory.scopes import Scope, ScopeKind


@dataclass(frozen=True, slots=True)
class Objection:
    """What is wrong, and where in the document."""

    where: tuple[str | int, ...]
    text: str


def fleet_of(scenario: Scenario) -> tuple[AgentSpec, ...]:
    """The agents of a scenario's world: the named ones, then those drawn from its seed."""
    world = scenario.world
    drawn = make_fleet(agents=world.agents, seed=scenario.scenario.seed, uncovered=world.uncovered)
    return (*(entry.spec() for entry in world.agent), *drawn)


def objections(scenario: Scenario) -> list[Objection]:
    """Everything wrong with a scenario; empty when it can be played."""
    found = [*_twice(scenario), *_names(scenario), *_late(scenario), *_circles(scenario)]
    if scenario.scenario.mode == "canary":
        return [*found, *_canary(scenario)]
    return [*found, *_fleet(scenario), *_scopes(scenario)]


def _canary(scenario: Scenario) -> Iterator[Objection]:
    """What a drill on real platforms may not have: a world or faults of its own, two scopes, no way back."""
    if "world" in scenario.model_fields_set:
        yield Objection(("world",), "a canary drill has the real world; leave [world] out")
    for place, entry in enumerate(scenario.inject):
        if not isinstance(entry, Word):
            yield Objection(("inject", place, "kind"), f"a canary drill has words only, no {entry.kind}")
    halts = [(place, entry) for place, entry in enumerate(scenario.answer) if entry.do == "halt"]
    for place, halt in halts[1:]:
        if halt.scope != halts[0][1].scope:
            yield Objection(("answer", place, "scope"), "a canary drill halts one scope")
    if not halts:
        yield Objection(("answer",), "a canary drill needs an [[answer]] that halts")
    elif not any(a.do == "restore" and a.scope == halts[0][1].scope for a in scenario.answer):
        yield Objection(
            ("answer", halts[0][0]), "a canary drill puts back what it halts; give an [[answer]] that restores it"
        )


def _twice(scenario: Scenario) -> Iterator[Objection]:
    """Ids that two entries have; injects and answers share one set of names, as ``after`` means either."""
    for kinds in (("inject", "answer"), ("objective",), ("role",), ("expect", "forbid")):
        entries = [(kind, place, entry.id) for kind in kinds for place, entry in enumerate(getattr(scenario, kind))]
        counts = Counter(name for _, _, name in entries)
        seen: set[str] = set()
        for kind, place, name in entries:
            if counts[name] > 1 and name in seen:
                yield Objection((kind, place, "id"), f"the id {name!r} is taken already")
            seen.add(name)


def _fleet(scenario: Scenario) -> Iterator[Objection]:
    specs = fleet_of(scenario)
    if not scenario.inject:
        yield Objection(("inject",), "nothing happens in this drill; give an [[inject]]")
    if not specs:
        yield Objection(("world",), "the world has no agents; give agents = N or [[world.agent]]")
    counts = Counter(spec.name for spec in specs)
    for place, entry in enumerate(scenario.world.agent):
        if counts[entry.name] > 1:
            yield Objection(("world", "agent", place, "name"), f"two agents are named {entry.name!r}")


def _names(scenario: Scenario) -> Iterator[Objection]:
    """References to injects, answers and objectives that do not exist."""
    injects = {entry.id for entry in scenario.inject}
    script = injects | {entry.id for entry in scenario.answer}
    objectives = {entry.id for entry in scenario.objective}
    for where, name in _references(scenario):
        known = {"objective": objectives, "after": script}.get(str(where[-1]), injects)
        if name not in known:
            kind = {"objective": "objective", "after": "inject or answer"}.get(str(where[-1]), "inject")
            has = ", ".join(sorted(known)) or "none"
            yield Objection(where, f"unknown {kind} {name!r}; there are: {has}")


def _references(scenario: Scenario) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for kind in ("inject", "answer", "expect", "forbid"):
        for place, entry in enumerate(getattr(scenario, kind)):
            for field in ("after", "of", "objective", "inject"):
                if (name := getattr(entry, field, None)) is not None:
                    yield (kind, place, field), name
            when: Pattern | None = getattr(entry, "when", None)
            if when is not None and when.inject is not None:
                yield (kind, place, "when", "inject"), when.inject


def _scopes(scenario: Scenario) -> Iterator[Objection]:
    """Scopes and agents that nothing in the world answers to."""
    specs = {spec.name: spec for spec in fleet_of(scenario)}
    for where, text in _scope_texts(scenario):
        if problem := _missing(Scope.parse(text), specs.values()):
            yield Objection(where, problem)
    for place, entry in enumerate(scenario.inject):
        if isinstance(entry, ScaleInject):
            spec = specs.get(entry.agent)
            if spec is None:
                yield Objection(("inject", place, "agent"), f"unknown agent {entry.agent!r}")
            elif spec.runtime is not Runtime.KUBERNETES:
                yield Objection(
                    ("inject", place, "agent"), f"{entry.agent!r} runs on {spec.runtime}; expected kubernetes"
                )


def _scope_texts(scenario: Scenario) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for kind in ("inject", "answer", "expect", "forbid"):
        for place, entry in enumerate(getattr(scenario, kind)):
            for field in ("scope", "wrong"):
                if (text := getattr(entry, field, None)) is not None:
                    yield (kind, place, field), text
            when: Pattern | None = getattr(entry, "when", None)
            if when is not None and when.scope is not None:
                yield (kind, place, "when", "scope"), when.scope


def _missing(scope: Scope, specs: Iterable[AgentSpec]) -> str:
    known: set[str] = set()
    match scope.kind:
        case ScopeKind.GLOBAL:
            return ""
        case ScopeKind.TENANT:
            known = {spec.tenant for spec in specs}
        case ScopeKind.CLASS:
            known = {spec.agent_class for spec in specs}
        case ScopeKind.AGENT | ScopeKind.INSTANCE:
            known = {spec.name for spec in specs}
    if scope.name in known:
        return ""
    kind = "agent" if scope.kind is ScopeKind.INSTANCE else scope.kind
    return f"unknown {kind} {scope.name!r}; the world has: {', '.join(sorted(known)[:12])}"


def _late(scenario: Scenario) -> Iterator[Objection]:
    end = scenario.scenario.duration
    if end <= 0:
        yield Objection(("scenario", "duration"), "duration: a drill takes some time")
    for kind in ("inject", "answer"):
        for place, entry in enumerate(getattr(scenario, kind)):
            if entry.at is not None and entry.at >= end:
                yield Objection((kind, place, "at"), f"{entry.id!r} is due when the drill is over (after {end:g} s)")


def _circles(scenario: Scenario) -> Iterator[Objection]:
    """Entries that wait for each other, each named once."""
    entries: dict[str, tuple[str, int, AnyInject | Answer]] = {}
    for kind in ("inject", "answer"):
        for place, entry in enumerate(getattr(scenario, kind)):
            entries.setdefault(entry.id, (kind, place, entry))
    waits = {name: _waited_for(entry) for name, (_, _, entry) in entries.items()}
    told: set[str] = set()
    for name, (kind, place, entry) in entries.items():
        circle = _circle(name, waits)
        if circle and not told & set(circle):
            told |= set(circle)
            field = "after" if entry.after is not None else "when"
            yield Objection((kind, place, field), f"waits for itself: {' -> '.join((*circle, name))}")


def _waited_for(entry: AnyInject | Answer) -> str | None:
    if entry.after is not None:
        return entry.after
    return entry.when.inject if entry.when is not None else None


def _circle(name: str, waits: dict[str, str | None]) -> list[str]:
    way = [name]
    step = waits.get(name)
    while step is not None and step in waits:
        if step == name:
            return way
        if step in way:
            return []
        way.append(step)
        step = waits[step]
    return []
