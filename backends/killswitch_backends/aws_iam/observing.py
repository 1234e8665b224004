"""One independent look at a denied identity.

What is read is IAM's control plane; what refuses calls is its data plane, seconds behind. So the deny proves nothing
until the propagation time has passed, and reads just after a change may still show the time before it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from killswitch_backends.aws_common.budget import Urgency
from killswitch_backends.aws_common.outcomes import outcome
from killswitch_backends.aws_common.tags import mark_in, stamp
from killswitch_backends.aws_common.watching import Pace
from killswitch_backends.aws_iam.api import IamApi
from killswitch_backends.aws_iam.denial import POLICY_NAME, denies_all, deny_all_arn
from killswitch_backends.aws_iam.entities import Kind, Ref, ref_of
from killswitch_backends.aws_iam.prior import INLINE, MANAGED, Prior
from killswitch_backends.aws_iam.probing import Probe
from killswitch_backends.problems import Gone, Problem
from killswitch_backends.protocol import Evidence, Grade, Observation, Sight, Watch
from killswitch_inventory.sightings import HaltMark

PACE = Pace(shortest=3.0, per_second=10.0)

PROOF_SECONDS = timedelta(seconds=2)
"""How long after the bound a look asks for nothing but the proof: not whether another console announced a restore."""


async def look(
    api: IamApi, watch: Watch, now: Callable[[], datetime], *, bound: datetime, unmarked: str
) -> Observation:
    """What one identity may do now; ``unmarked`` says why it carries no halt mark, if so, and is shown with it.

    Raises:
        Problem: when it cannot be looked at.
    """
    ref, at = ref_of(watch.target), now()
    what = f"{POLICY_NAME} denies every action"
    if watch.accepted.halted.get("by") == MANAGED:
        what = "AWSDenyAll is attached"
    if not await _denied(api, watch, ref):
        if not await _exists(api, ref, at):
            what = "it does not exist any more"
        elif at < bound:
            note = "the deny is not visible yet"
            return Observation(watch.target, Sight.UNKNOWN, at, note=_joined(note, unmarked))
        else:
            note = "the deny is gone: its credentials work again"
            return Observation(watch.target, Sight.ACTING, at, note=_joined(note, unmarked))
    if at < bound:
        evidence = Evidence(Grade.ACKNOWLEDGED, what, at)
        note = _joined(f"reaches every AWS endpoint by {stamp(bound)}", unmarked)
        return Observation(watch.target, Sight.DRAINING, at, evidence, note=note, announced=await _mark(api, ref))
    detail = f"{what}, read at {stamp(at)}, after the {stamp(bound)} by which it is in force everywhere"
    announced = await _mark(api, ref) if at >= bound + PROOF_SECONDS else None
    evidence = Evidence(Grade.BOUNDED, detail, at)
    return Observation(watch.target, Sight.STOPPED, at, evidence, note=unmarked, announced=announced)


async def _mark(api: IamApi, ref: Ref) -> HaltMark | None:
    """The mark, on which another console may announce a restore. A group carries none; nor is there one unanswered."""
    if ref.kind is Kind.GROUP:
        return None
    tags = await outcome(api.tags(ref, Urgency.PROVE))
    return None if isinstance(tags, Problem) else mark_in(tags)


async def _denied(api: IamApi, watch: Watch, ref: Ref) -> bool:
    """Whether a deny-all stands: this halt's or, taken over, another's."""
    if denies_all(await api.deny(ref, Urgency.PROVE)):
        return True
    if watch.accepted.halted.get("by") == INLINE:
        return False
    attached = await outcome(api.attached(ref, Urgency.PROVE))
    if isinstance(attached, Problem):
        if isinstance(attached, Gone):
            return False
        raise attached
    return deny_all_arn(Prior.parse(watch.captured.prior).arn) in attached


async def _exists(api: IamApi, ref: Ref, at: datetime) -> bool:
    entity = await outcome(api.entity(ref, at, Urgency.PROVE))
    if isinstance(entity, Problem) and not isinstance(entity, Gone):
        raise entity
    return not isinstance(entity, Gone)


def _joined(*notes: str) -> str:
    return "; ".join(note for note in notes if note)


async def probed(probe: Probe, watch: Watch, seen: Observation) -> Observation:
    """The same look with what a call as the denied role showed: better evidence, or a reason to wait on."""
    arn = Prior.parse(watch.captured.prior).arn
    if ":role/" not in arn or seen.evidence is None:
        return seen
    found = await probe.look(arn)
    if found.refused is False:  # the bound was too short, or something else lets it pass
        evidence = Evidence(Grade.ACKNOWLEDGED, seen.evidence.detail, seen.at)
        return replace(seen, sight=Sight.DRAINING, evidence=evidence, note=_joined(found.why, seen.note))
    if found.refused is None or seen.sight is not Sight.STOPPED:
        return replace(seen, note=_joined(seen.note, found.why))
    detail = f"{found.why}; {seen.evidence.detail}"
    return replace(seen, evidence=Evidence(Grade.OBSERVED, detail, seen.at))
