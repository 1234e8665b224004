"""Preflight: what turning a flag off would do, would not do, and what stands in its way."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from killswitch_backends.launchdarkly.api import Api, together
from killswitch_backends.launchdarkly.flags import FlagState
from killswitch_backends.launchdarkly.observer import Observer
from killswitch_backends.launchdarkly.records import Records
from killswitch_backends.launchdarkly.soundness import stops, unsound
from killswitch_backends.launchdarkly.triggers import Triggers
from killswitch_backends.problems import Gone, Problem
from killswitch_backends.protocol import Json, Preflight
from killswitch_inventory.targets import TargetId

CALLS = 2
"""Calls of a halt: read the flag, patch it."""

LIMITS = (
    "a flag stops new tasks of agents that ask it: a task in progress goes on, an agent whose SDK is disconnected "
    "keeps the last value, an agent that never asks is not stopped"
)

_SCHEDULES_LOOKED_UP = 50
"""The API tells scheduled changes one flag at a time; for more flags than this they are not looked up."""

_OBSERVER_WAIT = 2.0
_SHORT = 60
_NAMED = 5


async def preflights(
    targets: Sequence[TargetId], *, api: Api, observer: Observer, records: Records, triggers: Triggers
) -> list[Preflight]:
    """See ``Backend.preflight``.

    Raises:
        Problem: when flags cannot be read at all.
    """
    await observer.start()
    keys = [target.path for target in targets]
    states = await records.look_up(keys, fresh=False)
    approvals = await _approvals(api)
    schedules = await _schedules(keys, api)
    dependants = observer.dependants() if await observer.valid_within(_OBSERVER_WAIT) else None
    return [
        _refused(target, state, second_path=triggers.reference(target.path) is not None)
        if isinstance(state := states[target.path], Problem)
        else _preflight(target, state, approvals, schedules[target.path], dependants)
        for target in targets
    ]


async def _approvals(api: Api) -> Mapping[str, Json] | Problem:
    try:
        return await api.approval_settings()
    except Problem as problem:
        return problem


async def _schedules(keys: Sequence[str], api: Api) -> dict[str, tuple[str, ...]]:
    """The risks that scheduled changes are, by flag."""
    if len(keys) > _SCHEDULES_LOOKED_UP:
        return dict.fromkeys(keys, (f"scheduled changes were not looked up (more than {_SCHEDULES_LOOKED_UP} flags)",))
    found = await together(_schedule(key, api) for key in keys)
    return dict(zip(keys, found, strict=True))


async def _schedule(key: str, api: Api) -> tuple[str, ...]:
    try:
        changes = await api.scheduled(key)
    except Problem as problem:
        return (f"scheduled changes could not be looked up: {problem.what}",)
    return tuple(
        f"a scheduled change turns it on at {_when(change.get('executionDate'))}"
        for change in changes
        if any(step.get("kind") == "turnFlagOn" for step in _steps(change))
    )


def _steps(change: Mapping[str, Json]) -> list[Mapping[str, Json]]:
    listed = change.get("instructions")
    return [step for step in listed if isinstance(step, dict)] if isinstance(listed, list) else []


def _when(milliseconds: Json) -> str:
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds")
    except (TypeError, ValueError, OverflowError, OSError):
        return "a time that is not told"


def _preflight(
    target: TargetId,
    state: FlagState,
    approvals: Mapping[str, Json] | Problem,
    schedule: tuple[str, ...],
    dependants: Mapping[str, list[str]] | None,
) -> Preflight:
    risks = (*_approval_risk(state, approvals), *schedule, *_collateral(state, dependants), *_off_risk(state), LIMITS)
    return Preflight(target, _action(state), CALLS, unsupported=unsound(state), risks=risks)


def _refused(target: TargetId, problem: Problem, *, second_path: bool) -> Preflight:
    """What a halt means of a flag that cannot be read: nothing where there is none, else it is tried all the same."""
    if isinstance(problem, Gone):
        return Preflight(target, "nothing", 0, unsupported=f"{problem.what}; is it in this project?")
    action = "turn off by its trigger" if second_path else "turn off"
    return Preflight(target, action, CALLS, risks=(f"it could not be read: {problem.what}", LIMITS))


def _action(state: FlagState) -> str:
    off = "the default in the agent's code"
    if state.off_variation is not None:
        off = str(state.variations[state.off_variation])
    return f"turn off, serve {off}" if state.on else f"stays off, serves {off}"


def _off_risk(state: FlagState) -> tuple[str, ...]:
    if state.off_variation is None or stops(state.off_value):
        return ()
    return (f"off serves {_shown(state.off_value)}: check that agents take it as off",)


def _shown(value: Json) -> str:
    return json.dumps(value)[:_SHORT]


def _approval_risk(state: FlagState, approvals: Mapping[str, Json] | Problem) -> tuple[str, ...]:
    if isinstance(approvals, Problem):
        return (f"whether approvals are required could not be looked up: {approvals.what}",)
    tags = set(approvals.get("requiredApprovalTags") or [])
    if not approvals.get("required") or (tags and not tags & set(state.tags)):
        return ()
    return ("changes need an approval here: it will be blocked unless token or trigger may bypass approvals",)


def _collateral(state: FlagState, dependants: Mapping[str, list[str]] | None) -> tuple[str, ...]:
    if dependants is None:
        return ("flags that depend on it could not be looked up: the observing SDK client is not connected",)
    names = sorted(dependants.get(state.key, []))
    if not names:
        return ()
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return (f"collateral: {', '.join(names[:_NAMED])}{more} depend on it and will serve their off variation",)
