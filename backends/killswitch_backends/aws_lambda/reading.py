"""Reading the state of many functions with as few calls of the scarce budget as possible.

GetFunction has a budget of its own; event sources are listed once for the account; versions one by one for a few
functions and by one listing for many; provisioned concurrency only where a published version exists to carry it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TypeVar

from killswitch_backends.aws_common.budget import Urgency
from killswitch_backends.aws_common.calls import Aws
from killswitch_backends.aws_common.helpers import helpers
from killswitch_backends.aws_common.lazily import Lazily
from killswitch_backends.aws_common.outcomes import or_refusal, outcome
from killswitch_backends.aws_common.tags import HALT_ID, mark_in
from killswitch_backends.aws_lambda import autoscaling
from killswitch_backends.aws_lambda.api import LambdaApi
from killswitch_backends.aws_lambda.durable import PAUSED, RUNNING, before_halt, executions
from killswitch_backends.aws_lambda.edge import at_the_edge
from killswitch_backends.aws_lambda.functions import LATEST, EventSource, Function, Reading, Scaling, State
from killswitch_backends.aws_lambda.managed import scaling
from killswitch_backends.aws_lambda.signals import executions_now
from killswitch_backends.problems import Problem, Refused

T = TypeVar("T")

FEW = 8
"""Up to this many functions are asked for their versions one by one."""
_METRIC_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Unread:
    """A function whose state could not be read."""

    name: str
    problem: Problem


class Regionwide:
    """What only a whole region's listing tells of a function, read when the first function needs it."""

    def __init__(self, api: LambdaApi, urgency: Urgency) -> None:
        self.scalers = Lazily(partial(autoscaling.of_region, api, urgency))
        self.edge = Lazily(partial(at_the_edge, api, urgency))


@dataclass(frozen=True, slots=True)
class _Common:
    """What is read once for all functions asked for."""

    event_sources: Mapping[str, tuple[EventSource, ...]]
    versions: Mapping[str, Sequence[Function]] | None
    executions: Mapping[str, int] | None
    unreadable: tuple[str, ...]
    regionwide: Regionwide


async def read_states(
    api: LambdaApi, aws: Aws, names: Sequence[str], *, now: Callable[[], datetime], urgency: Urgency
) -> AsyncIterator[State | Unread]:
    """Yield the state of each function, in the order they become known.

    Raises:
        Problem: when what all of them need (their event sources, say) gets no answer.
    """
    common = await _read_common(api, aws, names, now, urgency)
    async with helpers() as tasks:
        reads = [tasks.start(_read(api, name, common, now, urgency), name=f"state of {name}") for name in names]
        for read in asyncio.as_completed(reads):
            yield await read


async def _read_common(
    api: LambdaApi, aws: Aws, names: Sequence[str], now: Callable[[], datetime], urgency: Urgency
) -> _Common:
    async with asyncio.TaskGroup() as tasks:
        listing = tasks.create_task(outcome(api.event_sources(urgency)))
        versions = tasks.create_task(outcome(_all_versions(api, urgency))) if len(names) > FEW else None
        executions = tasks.create_task(executions_or_none(aws, names, now(), urgency))
    sources = listing.result()
    if isinstance(sources, Problem) and not isinstance(sources, Refused):
        raise sources
    everything = versions.result() if versions else None
    return _Common(
        event_sources={} if isinstance(sources, Problem) else by_function(sources),
        versions=None if isinstance(everything, Problem) else everything,
        executions=executions.result(),
        unreadable=(f"event sources: {sources.what}",) if isinstance(sources, Problem) else (),
        regionwide=Regionwide(api, urgency),
    )


async def executions_or_none(aws: Aws, names: Sequence[str], at: datetime, urgency: Urgency) -> dict[str, int] | None:
    """CloudWatch's figures, or None when it does not give them quickly: they only order and decorate."""
    try:
        async with asyncio.timeout(_METRIC_SECONDS):
            return await executions_now(aws, names, at, urgency)
    except (Problem, TimeoutError):
        return None


async def _all_versions(api: LambdaApi, urgency: Urgency) -> dict[str, list[Function]]:
    return by_name([one async for page in api.functions(urgency) for one in page])


def by_name(functions: Sequence[Function]) -> dict[str, list[Function]]:
    """Versions grouped by their function's name."""
    found: dict[str, list[Function]] = {}
    for function in functions:
        found.setdefault(function.name, []).append(function)
    return found


def by_function(sources: Sequence[EventSource]) -> dict[str, tuple[EventSource, ...]]:
    """Event sources grouped by the name of the function they feed."""
    found: dict[str, tuple[EventSource, ...]] = {}
    for source in sources:
        found[source.function] = (*found.get(source.function, ()), source)
    return found


async def _read(
    api: LambdaApi, name: str, common: _Common, now: Callable[[], datetime], urgency: Urgency
) -> State | Unread:
    at = now()
    try:
        reading = await _confirmed(api, await api.read(name, urgency), urgency)
        known = (common.versions or {}).get(name)
        asked = await or_refusal(api.versions(name, urgency)) if known is None else known
        state = await finish(
            api, reading, asked, common.event_sources.get(name, ()), common.regionwide, at=at, urgency=urgency,
            with_destinations=common.versions is None,
        )  # fmt: skip
    except Problem as problem:
        return Unread(name, problem)
    running = None if common.executions is None else common.executions.get(name, 0)
    return replace(state, executions=running, unreadable=(*common.unreadable, *state.unreadable))


async def _confirmed(api: LambdaApi, reading: Reading, urgency: Urgency) -> Reading:
    """A function that carries a mark but shows no reservation is asked again the other way."""
    if reading.reserved is not None or HALT_ID not in reading.tags or reading.function.managed_instances:
        return reading
    reserved = await api.reserved(reading.function.name, urgency)
    return Reading(reading.function, reserved, reading.tags)


async def finish(
    api: LambdaApi,
    reading: Reading,
    versions: Sequence[Function] | Refused,
    event_sources: tuple[EventSource, ...],
    regionwide: Regionwide,
    *,
    at: datetime,
    urgency: Urgency,
    with_destinations: bool = False,
) -> State:
    """A state from one reading and what is known of its versions; asks for more only where there can be more.

    ``with_destinations`` spends a call on what becomes of asynchronous events, which a plan wants to know.
    """
    name, managed = reading.function.name, reading.function.managed_instances
    gaps = _Gaps()
    known = gaps.filled("versions", versions, ())
    published = bool(gaps.found) or any(one.version != LATEST for one in known)
    provisioned: Mapping[str, int] = {}
    scalers: Mapping[str, autoscaling.Suspension] = {}
    if published and not managed:
        provisioned = gaps.filled("provisioned concurrency", await or_refusal(api.provisioned(name, urgency)), {})
        scalers = await _scalers(regionwide, name, gaps if provisioned else _Gaps())
    return State(
        function=reading.function,
        reserved=reading.reserved,
        tags=reading.tags,
        longest_timeout=max([reading.function.timeout, *(one.timeout for one in known)]),
        provisioned=provisioned,
        event_sources=event_sources,
        scalers=scalers,
        edge=await _edge(regionwide, name, gaps) if published else (),
        scaling=await _scaling(api, reading, known, urgency),
        durable=gaps.filled("durable executions", await or_refusal(_durable(api, reading, urgency)), {}),
        keeps_events=await keeps_events(api, reading.function, urgency) if with_destinations else None,
        unreadable=tuple(gaps.found),
        read_at=at,
    )


class _Gaps:
    """What could not be read of a function, in words."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def filled(self, what: str, answer: T | Problem, otherwise: T) -> T:
        """The answer; where there is none, that is noted."""
        if not isinstance(answer, Problem):
            return answer
        self.found.append(f"{what}: {answer.what}")
        return otherwise


async def _scalers(regionwide: Regionwide, name: str, gaps: _Gaps) -> autoscaling.Scalers:
    """What scales its provisioned concurrency."""
    return gaps.filled("auto scaling of its provisioned concurrency", await regionwide.scalers.get(), {}).get(name, {})


async def _edge(regionwide: Regionwide, name: str, gaps: _Gaps) -> tuple[str, ...]:
    """Which distributions run it at the edge: only a published version can be."""
    return gaps.filled("CloudFront's distributions, which may run it at the edge", await regionwide.edge.get(), {}).get(
        name, ()
    )


async def _scaling(api: LambdaApi, reading: Reading, versions: Sequence[Function], urgency: Urgency) -> Scaling | None:
    """On Managed Instances: what each version is scaled to. A halt cannot do without, so a refusal is a problem."""
    if not reading.function.managed_instances:
        return None
    return await scaling(api, reading.function.name, [one.version for one in versions], urgency)


async def _durable(api: LambdaApi, reading: Reading, urgency: Urgency) -> Mapping[str, str]:
    if not reading.function.durable:
        return {}
    name = reading.function.name
    found = await executions(api, name, urgency)
    if marked_at := _marked_at(reading):
        return await before_halt(api, name, found, marked_at, urgency)
    return {arn: PAUSED if status == PAUSED else RUNNING for arn, status in found.items()}


def _marked_at(reading: Reading) -> datetime | None:
    """When a halt marked the function; None without a mark, or with one that nobody of ours wrote."""
    mark = mark_in(reading.tags)
    try:
        return datetime.fromisoformat(mark.at) if mark else None
    except ValueError:
        return None


async def keeps_events(api: LambdaApi, function: Function, urgency: Urgency) -> bool | None:
    """Whether asynchronous events sent during a halt end up somewhere; None where AWS does not tell."""
    if function.dead_letters:
        return True
    found = await outcome(api.failure_destinations(function.name, urgency))
    return None if isinstance(found, Problem) else found
