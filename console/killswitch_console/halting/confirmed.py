"""From a confirmed plan to the record of its halt: an id, a header, and the intent for every target. Pure."""

from __future__ import annotations

import secrets
from datetime import datetime

from killswitch_console.authority.invoker import Invoker
from killswitch_console.halting.plan import Plan
from killswitch_console.halting.planning import LockedOut
from killswitch_console.halting.progress import TargetProgress
from killswitch_console.halting.record import HaltHeader
from killswitch_console.halting.refusals import CollateralNotAccepted, WouldLockOut
from killswitch_console.halting.slo import Objectives


def new_halt_id(now: datetime) -> str:
    """A halt id that sorts by time, reads aloud, and fits a label, an annotation and a tag."""
    alphabet = "23456789abcdefghjkmnpqrstuvwxyz"
    return f"h-{now:%Y%m%d-%H%M%S}-" + "".join(secrets.choice(alphabet) for _ in range(4))


def header_of(
    plan: Plan,
    *,
    objectives: Objectives,
    invoker: Invoker,
    reason: str,
    incident: str | None,
    halt_id: str,
    at: datetime,
    drill: bool = False,
) -> HaltHeader:
    """What is fixed when a plan is confirmed."""
    kinds = {t.target.backend.kind for t in plan.targets}
    return HaltHeader(
        halt_id=halt_id,
        scope=plan.scope,
        environment=plan.environment,
        profile=plan.profile,
        reason=reason,
        incident=incident,
        invoker=invoker,
        invoked_at=at,
        slo_seconds=objectives.of_scope(plan.scope),
        backend_slo={kind: slo for kind in sorted(kinds) if (slo := objectives.of_backend(kind)) is not None},
        agents=tuple(agent.key for agent in plan.agents),
        untouched=plan.untouched,
        collateral=plan.collateral,
        blinded=plan.blinding,
        drill=drill,
    )


def intents_of(plan: Plan) -> tuple[TargetProgress, ...]:
    """What the halt is about to do to every target, with its prior state where that is known."""
    return tuple(
        TargetProgress(
            target=t.target,
            layer=t.layer,
            agents=t.agents,
            captured=t.captured,
            running=t.captured.running if t.captured else None,
        )
        for t in plan.targets
    )


def check_lockout(plan: Plan) -> None:
    """Refuse a plan whose targets carry the operator; naming them in ``[protect]`` leaves them out on purpose."""
    locked = [u for u in plan.untouched if isinstance(u, LockedOut)]
    if locked:
        more = f" (and {len(locked) - 1} more)" if len(locked) > 1 else ""
        raise WouldLockOut(
            f"{locked[0].id}{more}: {locked[0].reason}; nothing was changed: act as somebody else, or "
            "name it under [protect] targets to halt the rest"
        )


def check_collateral(plan: Plan, *, accepted: bool) -> None:
    """Refuse a plan that hits agents outside its scope, unless that was accepted. Raises the refusal."""
    if plan.collateral and not accepted:
        raise CollateralNotAccepted(_collateral(plan))


def _collateral(plan: Plan) -> str:
    hit = sorted({key.name for c in plan.collateral for key in c.agents})
    shown = ", ".join(hit[:5]) + (f" and {len(hit) - 5} more" if len(hit) > 5 else "")
    shared = ", ".join(str(c.target) for c in plan.collateral[:3])
    return f"{plan.scope} would also hit {shown} (sharing {shared}); accept that with --accept-collateral"
