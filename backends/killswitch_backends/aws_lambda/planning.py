"""What halting a function would mean, in words, from its state alone."""

from __future__ import annotations

from collections.abc import Iterator

from killswitch_backends.aws_lambda.durable import PAUSED
from killswitch_backends.aws_lambda.functions import OFF_THE_EDGE, State
from killswitch_backends.aws_lambda.prior import Prior, prior_of
from killswitch_backends.aws_lambda.sighting import shown
from killswitch_backends.protocol import Preflight
from killswitch_inventory.targets import TargetId


def plan_of(target: TargetId, state: State) -> Preflight:
    """The action, its calls and its risks; or why this kind of function cannot be stopped this way.

    The calls are those that stop it, of the 15-a-second budget: GetFunction and auto scaling have budgets of their own,
    and the mark follows later.
    """
    prior = prior_of(state)
    stops = 1 if prior.scaling is None else len(prior.scaling)
    pauses = 1 + len(prior.durable) if state.function.durable else 0
    return Preflight(
        target=target,
        action=_action(prior, state),
        api_calls=stops + len(prior.provisioned) + len(prior.feeding) + pauses,
        unsupported=_unsupported(state),
        risks=tuple(_risks(state)),
    )


def _action(prior: Prior, state: State) -> str:
    steps = [f"reserve 0 (was {shown(prior.reserved)})"]
    if state.reserved == 0:
        steps = ["keep reserve 0"]
    if prior.scaling is not None:
        steps = [f"scale to 0 environments on {', '.join(sorted(prior.scaling)) or 'no published version'}"]
    if feeding := len(prior.feeding):
        steps.append(f"disable {feeding} event source{'s' * (feeding > 1)}")
    if prior.unsuspended:
        steps.append("suspend auto scaling of " + ", ".join(prior.unsuspended))
    if prior.provisioned:
        steps.append("remove provisioned concurrency on " + ", ".join(sorted(prior.provisioned)))
    if running := [arn for arn, status in prior.durable.items() if status != PAUSED]:
        steps.append(f"pause {len(running)} durable execution{'s' * (len(running) > 1)}")
    return ", ".join(steps)


def _unsupported(state: State) -> str | None:
    if state.function.edge_replica:
        return f"a Lambda@Edge replica is changed by CloudFront alone; {OFF_THE_EDGE}"
    if state.edge:
        where = f"CloudFront runs it at the edge (distribution {', '.join(state.edge)})"
        return f"{where}, where no reservation reaches it; {OFF_THE_EDGE}"
    if state.function.other_capacity:
        return "it runs on a capacity provider of a kind that this console does not know; stop it there"
    return None


def _risks(state: State) -> Iterator[str]:
    if state.keeps_events is False:
        yield "no dead-letter queue and no failure destination: asynchronous events sent while halted are lost"
    elif state.keeps_events is None and not state.function.dead_letters:
        yield "no dead-letter queue: asynchronous events sent while halted are lost unless a destination takes them"
    if state.function.managed_instances:
        yield "on Managed Instances its environments act between runs too, until AWS has taken them away"
    for part in state.unreadable:
        yield f"cannot be read, so not halted with it: {part}"
