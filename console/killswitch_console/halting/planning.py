"""Making a plan: ask every platform at once what halting the chosen targets would mean, and read their prior states.

Changes nothing. The targets of a platform that cannot answer stay in the plan, with the problem: the halt tries them.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from killswitch_backends.problems import Gone, Problem
from killswitch_backends.protocol import Backend, Captured, Failure, Preflight, Profile
from killswitch_console.halting.plan import CallFloor, Choice, Plan, PlannedTarget, Protection, Untouched, choose
from killswitch_console.halting.turns import in_turns
from killswitch_inventory.fleet import Fleet
from killswitch_inventory.scopes import Scope
from killswitch_inventory.targets import BackendRef, Layer, TargetId

ASK_SECONDS = 10.0
"""How long a platform may take to answer for a plan; after that the plan is shown without it."""


class EmptyScope(Problem):
    """No agent is known in the scope; ``todo`` names the backends that could not be read, if any."""


@dataclass(frozen=True, slots=True)
class LockedOut(Untouched):
    """A target whose halt would hit the operator: as long as nobody protects it, the whole halt is refused."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What one backend said about the targets chosen on it."""

    preflights: Mapping[TargetId, Preflight]
    captured: Mapping[TargetId, Captured]
    problems: Mapping[TargetId, Problem]


async def make_plan(
    fleet: Fleet,
    scope: Scope,
    profile: Profile,
    *,
    backends: Mapping[BackendRef, Backend],
    environment: str,
    protection: Protection,
    now: datetime,
) -> Plan:
    """Plan a halt of a scope.

    Raises:
        EmptyScope: when no agent is known in it.
    """
    choice = await choose(fleet, scope, protection)
    if not choice.agents:
        unread = "; ".join(f"{v.ref} could not be read: {v.problem or v.sightedness}" for v in fleet.blind)
        raise EmptyScope(str(scope), "no agent is known in this scope", todo=unread)
    answers = await ask_all(choice, backends)
    planned, left = await sort_out(choice, answers)
    changed = {p.target for p in planned}
    return Plan(
        scope=scope,
        environment=environment,
        profile=profile,
        agents=choice.agents,
        targets=planned,
        untouched=(*choice.untouched, *left, *_blind_spots(fleet)),
        collateral=tuple(c for c in choice.collateral if c.target in changed),
        risks=tuple(f"{p.target}: {risk}" for p in planned for risk in p.risks),
        floors=_floors(planned, backends),
        blind=fleet.blind,
        made_at=now,
        proving_kinds=frozenset(
            v.ref.kind for v in fleet.backends if fleet.layer_of(v.ref.kind) is not Layer.CAPABILITY
        ),
    )


async def ask_all(choice: Choice, backends: Mapping[BackendRef, Backend]) -> dict[BackendRef, Answers]:
    """What every platform says about the targets chosen on it; one that cannot answer says so for its own."""
    by_backend: defaultdict[BackendRef, list[TargetId]] = defaultdict(list)
    for target in choice.targets:
        by_backend[target.backend].append(target)
    async with asyncio.TaskGroup() as group:
        asking = {
            ref: group.create_task(_ask(backends[ref], targets), name=f"plan of {ref}")
            for ref, targets in by_backend.items()
            if ref in backends
        }
    return {ref: task.result() for ref, task in asking.items()}


async def _ask(backend: Backend, targets: Sequence[TargetId]) -> Answers:
    preflights: dict[TargetId, Preflight] = {}
    captured: dict[TargetId, Captured] = {}
    problems: dict[TargetId, Problem] = {}

    async def look() -> None:
        preflights.update({p.target: p for p in await backend.preflight(targets)})

    async def read() -> None:
        async for item in backend.capture(targets, fresh=False):
            if isinstance(item, Failure):
                problems[item.target] = item.problem
            else:
                captured[item.target] = item

    for work in await asyncio.gather(_within(look(), backend), _within(read(), backend)):
        if work is not None:
            problems.update({t: work for t in targets if t not in captured})
    return Answers(preflights, captured, problems)


async def _within(work: Coroutine[None, None, None], backend: Backend) -> Problem | None:
    try:
        async with asyncio.timeout(ASK_SECONDS):
            await work
    except Problem as problem:
        return problem
    except TimeoutError:
        return Problem(str(backend.ref), f"no answer within {ASK_SECONDS:g} s")
    except Exception as defect:  # noqa: BLE001  (one broken backend must not keep the others from being planned)
        return Problem(str(backend.ref), f"internal error: {defect!r}")
    return None


async def sort_out(
    choice: Choice, answers: Mapping[BackendRef, Answers]
) -> tuple[tuple[PlannedTarget, ...], list[Untouched]]:
    """Split the chosen targets into those the halt will change and those it must leave."""
    planned: list[PlannedTarget] = []
    left: list[Untouched] = []
    async for target, agents in in_turns(choice.targets.items()):
        item = PlannedTarget(target=target, layer=choice.layers[target], agents=agents)
        answer = answers.get(target.backend)
        if answer is None:
            left.append(_untouched(item, f"no connection to {target.backend} is open"))
            continue
        item = _answered(item, answer)
        if reason := _must_leave(target, answer):
            left.append(_untouched(item, reason))
        elif reason := _locks_out(target, answer):
            left.append(LockedOut(str(target), item.agents, reason, item.layer))
        else:
            planned.append(item)
    return tuple(planned), left


def _answered(item: PlannedTarget, answer: Answers) -> PlannedTarget:
    preflight = answer.preflights.get(item.target)
    problem = answer.problems.get(item.target)
    item = replace(item, captured=answer.captured.get(item.target), problem=str(problem) if problem else "")
    if preflight is None:
        return replace(item, risks=("what halting it means, and whom it locks out, could not be asked",))
    return replace(item, action=preflight.action, api_calls=preflight.api_calls, risks=preflight.risks)


def _must_leave(target: TargetId, answer: Answers) -> str:
    if isinstance(problem := answer.problems.get(target), Gone):
        return f"does not exist: {problem.what}"
    preflight = answer.preflights.get(target)
    if preflight is None:
        return ""
    return preflight.unsupported or ""


def _locks_out(target: TargetId, answer: Answers) -> str:
    preflight = answer.preflights.get(target)
    return f"refused, it carries {preflight.lockout}" if preflight and preflight.lockout else ""


def _untouched(item: PlannedTarget, reason: str) -> Untouched:
    return Untouched(str(item.target), item.agents, reason, item.layer)


def _blind_spots(fleet: Fleet) -> list[Untouched]:
    return [
        Untouched(str(view.ref), (), f"cannot be seen whole ({view.sightedness}): {view.problem or 'no listing yet'}")
        for view in fleet.blind
    ]


def _floors(planned: Sequence[PlannedTarget], backends: Mapping[BackendRef, Backend]) -> dict[BackendRef, CallFloor]:
    calls: defaultdict[BackendRef, int] = defaultdict(int)
    for item in planned:
        calls[item.target.backend] += item.api_calls
    return {ref: CallFloor(n, _seconds(n, backends[ref])) for ref, n in calls.items()}


def _seconds(calls: int, backend: Backend) -> float:
    rate = backend.budget.calls_per_second
    return max(0.0, (calls - backend.budget.burst) / rate) if rate else 0.0
