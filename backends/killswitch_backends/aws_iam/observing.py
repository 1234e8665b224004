"""One independent look at a denied role.

What is read is IAM's control plane; what refuses calls is its data plane, seconds behind. So the deny proves nothing
until the propagation time has passed, and reads just after a change may still show the time before it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from killswitch_backends.aws_common.budget import Urgency
from killswitch_backends.aws_common.outcomes import outcome
from killswitch_backends.aws_common.tags import stamp
from killswitch_backends.aws_common.watching import Pace
from killswitch_backends.aws_iam.api import IamApi
from killswitch_backends.aws_iam.denial import POLICY_NAME, denies_all, deny_all_arn
from killswitch_backends.aws_iam.prior import INLINE, MANAGED, Prior
from killswitch_backends.aws_iam.roles import role_name
from killswitch_backends.problems import Gone, Problem
from killswitch_backends.protocol import Evidence, Grade, Observation, Sight, Watch

PACE = Pace(shortest=3.0, per_second=10.0)


async def look(
    api: IamApi, watch: Watch, now: Callable[[], datetime], *, bound: datetime, unmarked: str
) -> Observation:
    """What one role may do now; ``unmarked`` says why it carries no halt mark, if so, and is shown with it.

    Raises:
        Problem: when it cannot be looked at.
    """
    name, at = role_name(watch.target), now()
    what = f"{POLICY_NAME} denies every action"
    if watch.accepted.halted.get("by") == MANAGED:
        what = "AWSDenyAll is attached"
    if not await _denied(api, watch, name):
        if not await _exists(api, name, at):
            what = "the role does not exist any more"
        elif at < bound:
            note = "the deny is not visible yet"
            return Observation(watch.target, Sight.UNKNOWN, at, note=_joined(note, unmarked))
        else:
            note = "the deny is gone: its credentials work again"
            return Observation(watch.target, Sight.ACTING, at, note=_joined(note, unmarked))
    if at < bound:
        evidence = Evidence(Grade.ACKNOWLEDGED, what, at)
        note = _joined(f"reaches every AWS endpoint by {stamp(bound)}", unmarked)
        return Observation(watch.target, Sight.DRAINING, at, evidence, note=note)
    detail = f"{what}, read at {stamp(at)}, after the {stamp(bound)} by which it is in force everywhere"
    return Observation(watch.target, Sight.STOPPED, at, Evidence(Grade.BOUNDED, detail, at), note=unmarked)


async def _denied(api: IamApi, watch: Watch, name: str) -> bool:
    """Whether a deny-all stands: this halt's or, taken over, another's."""
    if denies_all(await api.deny(name, Urgency.PROVE)):
        return True
    if watch.accepted.halted.get("by") == INLINE:
        return False
    attached = await outcome(api.attached(name, Urgency.PROVE))
    if isinstance(attached, Problem):
        if isinstance(attached, Gone):
            return False
        raise attached
    return deny_all_arn(Prior.parse(watch.captured.prior).arn) in attached


async def _exists(api: IamApi, name: str, at: datetime) -> bool:
    role = await outcome(api.role(name, at, Urgency.PROVE))
    if isinstance(role, Problem) and not isinstance(role, Gone):
        raise role
    return not isinstance(role, Gone)


def _joined(*notes: str) -> str:
    return "; ".join(note for note in notes if note)
