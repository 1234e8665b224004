"""One independent look at a halted function.

Lambda shows nobody what is in flight: CloudWatch is minutes late and silent for idle and dead functions alike, so it
can never prove an end. What can be proven is the bound: new runs have been refused since the change, and no run that
began before it can still be alive. A look at or after the bound that still reads 0 is that proof.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from math import ceil

from killswitch_backends.aws_common.budget import Urgency
from killswitch_backends.aws_common.tags import mark_in, stamp
from killswitch_backends.aws_common.watching import Pace
from killswitch_backends.aws_lambda import durable, managed
from killswitch_backends.aws_lambda.api import LambdaApi
from killswitch_backends.aws_lambda.bounds import RunLimits
from killswitch_backends.aws_lambda.functions import Reading
from killswitch_backends.aws_lambda.prior import Prior
from killswitch_backends.aws_lambda.sighting import shown
from killswitch_backends.problems import Gone
from killswitch_backends.protocol import Evidence, Grade, Observation, Sight, Watch
from killswitch_inventory.sightings import HaltMark

PACE = Pace(shortest=2.0, per_second=30.0)
"""GetFunction allows 100 a second; proof needs one look per target, watching for revivals takes what is left over."""


async def look(
    api: LambdaApi,
    watch: Watch,
    limits: RunLimits,
    now: Callable[[], datetime],
    *,
    unmarked: str,
    remark: Callable[[Reading], None],
) -> Observation:
    """What one function does now; ``unmarked`` says why it carries no halt mark, if so, and is shown with it.

    ``remark`` is told of a function that is off and carries no halt's mark.

    Raises:
        Problem: when it cannot be looked at.
    """
    prior = Prior.parse(watch.captured.prior)
    bound = watch.accepted.bound or limits.end_of_runs(watch.accepted.at, prior.timeout)
    at = now()
    try:
        reading = await api.read(watch.target.path, Urgency.PROVE)
        found = await (_scaled(api, watch, prior) if prior.scaling is not None else _reserved(api, reading))
        if not found.acting and mark_in(reading.tags) is None:
            remark(reading)
        if not found.acting:
            found = await _suspended(api, watch, prior, found, late=at >= bound)
    except Gone:
        found = _Found("the function does not exist any more")
    if found.acting:
        note = _joined(found.acting, unmarked)
        return Observation(watch.target, Sight.ACTING, at, note=note, announced=found.mark)
    return _quiet(watch, at, bound, found, unmarked)


@dataclass(frozen=True, slots=True)
class _Found:
    """What one look read: in words, what keeps it from being quiet, and what still has to end."""

    reads: str
    acting: str = ""
    ending: str = ""
    mark: HaltMark | None = None


async def _reserved(api: LambdaApi, reading: Reading) -> _Found:
    """GetFunction's word, and before a revival is cried a second opinion from GetFunctionConcurrency."""
    reserved = reading.reserved
    if reserved != 0:
        reserved = await api.reserved(reading.function.name, Urgency.PROVE)
    acting = "" if reserved == 0 else f"reserved concurrency is {shown(reserved)}, not 0: it runs again"
    return _Found("reserved concurrency reads 0", acting, mark=mark_in(reading.tags))


async def _scaled(api: LambdaApi, watch: Watch, prior: Prior) -> _Found:
    """On Managed Instances: whether every version's environments are gone."""
    revived, there = await managed.still_there(api, watch.target.path, prior.scaling or {})
    acting = f"may have environments again on {', '.join(revived)}" if revived else ""
    ending = f"environments of {', '.join(there)} are still being taken away" if there else ""
    return _Found("every version is scaled to 0 environments and deactivated", acting, ending)


async def _suspended(api: LambdaApi, watch: Watch, prior: Prior, found: _Found, *, late: bool) -> _Found:
    """Adds what its durable executions do. A pause takes until the next checkpoint, at the longest until the bound."""
    if not (prior.durable or watch.accepted.halted.get("paused")):
        return found
    alive = await durable.executions(api, watch.target.path, Urgency.PROVE)
    running = sum(status == durable.RUNNING for status in alive.values())
    if running and late:
        return replace(found, acting=f"{running} durable executions are not paused")
    if ending := running + sum(status == durable.PAUSING for status in alive.values()):
        return replace(found, ending=_joined(found.ending, f"{ending} durable executions are still pausing"))
    return replace(found, reads=f"{found.reads}, {len(alive)} durable executions read paused")


def _quiet(watch: Watch, at: datetime, bound: datetime, found: _Found, unmarked: str) -> Observation:
    """Nothing new runs: draining until the bound and until all that has to end has ended, stopped from then on."""
    if at < bound or found.ending:
        evidence = Evidence(Grade.ACKNOWLEDGED, found.reads if not found.ending else found.ending, at)
        countdown = (
            f"drained no later than {stamp(bound)}, {ceil((bound - at).total_seconds())} s" if at < bound else ""
        )
        note = _joined(countdown, found.ending, unmarked)
        return Observation(watch.target, Sight.DRAINING, at, evidence, note=note, announced=found.mark)
    detail = f"{found.reads} at {stamp(at)}; the longest run it could have begun ended by {stamp(bound)}"
    evidence = Evidence(Grade.BOUNDED, detail, at)
    return Observation(watch.target, Sight.STOPPED, at, evidence, running=0, note=unmarked, announced=found.mark)


def _joined(*notes: str) -> str:
    return "; ".join(note for note in notes if note)
