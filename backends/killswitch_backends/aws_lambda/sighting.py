"""A function as the fleet sees it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from killswitch_backends.aws_common.tags import claims_in, is_canary, mark_in
from killswitch_backends.aws_lambda.functions import EventSource, Function, State
from killswitch_backends.protocol import LabelKeys
from killswitch_inventory.agents import Health, How
from killswitch_inventory.sightings import RunsAs, TargetSighting
from killswitch_inventory.targets import BackendRef, Layer, TargetId


def sighted(
    ref: BackendRef,
    function: Function,
    state: State | None,
    *,
    tags: Mapping[str, str],
    labels: LabelKeys,
    event_sources: tuple[EventSource, ...],
    executions: int | None,
    at: datetime,
) -> TargetSighting:
    """One function. ``state`` None: its reservation has not been read yet, which its facts say."""
    return TargetSighting(
        target=TargetId(ref, function.name),
        layer=Layer.PROCESS,
        kind="function",
        seen_at=at,
        claims=claims_in(tags, labels),
        runs_as=(RunsAs(function.role, How.EXECUTION_ROLE),) if function.role else (),
        concurrency=executions or 0,
        health=_health(state, executions),
        mark=mark_in(tags),
        off=_off(state),
        canary=is_canary(tags, labels),
        facts=_facts(function, state, event_sources, executions),
    )


def _health(state: State | None, executions: int | None) -> Health:
    if state is not None and state.function.state == "Failed":
        return Health.FAILING
    if executions is None or (executions and _off(state)):
        return Health.UNKNOWN  # the figure may be of before the halt
    return Health.OK if executions else Health.IDLE


def _off(state: State | None) -> bool:
    return state is not None and state.reserved == 0


def _facts(
    function: Function, state: State | None, event_sources: tuple[EventSource, ...], executions: int | None
) -> dict[str, str]:
    facts = {"timeout": f"{function.timeout} s", "reserved": "not read yet" if state is None else shown(state.reserved)}
    if state is not None and state.provisioned:
        facts["provisioned"] = ", ".join(f"{n} on {qualifier}" for qualifier, n in sorted(state.provisioned.items()))
    if state is not None and state.edge:
        facts["edge"] = f"run by CloudFront ({', '.join(state.edge)})"
    if event_sources:
        facts["event sources"] = f"{sum(one.enabled for one in event_sources)} of {len(event_sources)} enabled"
    if executions is None:
        facts["running"] = "unknown: CloudWatch does not tell"
    elif executions and _off(state):
        facts["running"] = f"{executions} as CloudWatch tells, a minute or more late: it may be of before the halt"
    return facts


def shown(reserved: int | None) -> str:
    """A reservation in words."""
    return "none" if reserved is None else str(reserved)
