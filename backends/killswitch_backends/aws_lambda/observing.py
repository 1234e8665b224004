"""One independent look at a halted function.

Lambda shows nobody what is in flight: CloudWatch is minutes late and silent for idle and dead functions alike, so it
can never prove an end. What can be proven is the bound: new runs have been refused since the change, and no run that
began before it can still be alive. A look at or after the bound that still reads 0 is that proof.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from killswitch_backends.aws_common.budget import Urgency
from killswitch_backends.aws_common.tags import stamp
from killswitch_backends.aws_common.watching import Pace
from killswitch_backends.aws_lambda.api import LambdaApi
from killswitch_backends.aws_lambda.halting import bound_of
from killswitch_backends.aws_lambda.prior import Prior
from killswitch_backends.aws_lambda.sighting import shown
from killswitch_backends.problems import Gone
from killswitch_backends.protocol import Evidence, Grade, Observation, Sight, Watch

PACE = Pace(shortest=2.0, per_second=30.0)
"""GetFunction allows 100 a second; proof needs one look per target, watching for revivals takes what is left over."""


async def look(api: LambdaApi, watch: Watch, now: Callable[[], datetime], *, unmarked: str) -> Observation:
    """What one function does now; ``unmarked`` says why it carries no halt mark, if so, and is shown with it.

    Raises:
        Problem: when it cannot be looked at.
    """
    bound = watch.accepted.bound or bound_of(watch.accepted.at, Prior.parse(watch.captured.prior))
    at = now()
    try:
        reserved = await _reserved(api, watch.target.path)
    except Gone:
        return _quiet(watch, at, bound, "the function does not exist any more", unmarked)
    if reserved != 0:
        note = f"reserved concurrency is {shown(reserved)}, not 0: it runs again"
        return Observation(watch.target, Sight.ACTING, at, note=_joined(note, unmarked))
    return _quiet(watch, at, bound, "reserved concurrency reads 0", unmarked)


async def _reserved(api: LambdaApi, name: str) -> int | None:
    """GetFunction's word, and before a revival is cried a second opinion from GetFunctionConcurrency."""
    reserved = (await api.read(name, Urgency.PROVE)).reserved
    return reserved if reserved == 0 else await api.reserved(name, Urgency.PROVE)


def _quiet(watch: Watch, at: datetime, bound: datetime, reads: str, unmarked: str) -> Observation:
    """Nothing new runs: draining until the bound, stopped from then on."""
    if at < bound:
        evidence = Evidence(Grade.ACKNOWLEDGED, reads, at)
        note = _joined(f"runs under way end by {stamp(bound)} at the latest", unmarked)
        return Observation(watch.target, Sight.DRAINING, at, evidence, note=note)
    detail = f"{reads} at {stamp(at)}; the longest run it could have begun ended by {stamp(bound)}"
    return Observation(watch.target, Sight.STOPPED, at, Evidence(Grade.BOUNDED, detail, at), running=0, note=unmarked)


def _joined(*notes: str) -> str:
    return "; ".join(note for note in notes if note)
