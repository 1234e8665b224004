"""What halting a function would mean, in words, from its state alone."""

from __future__ import annotations

from collections.abc import Iterator

from killswitch_backends.aws_lambda.functions import State
from killswitch_backends.aws_lambda.prior import Prior, prior_of
from killswitch_backends.aws_lambda.sighting import shown
from killswitch_backends.protocol import Preflight
from killswitch_inventory.targets import TargetId


def plan_of(target: TargetId, state: State) -> Preflight:
    """The action, its calls and its risks; or why this kind of function cannot be stopped this way.

    The calls are those that stop it, of the 15-a-second budget; GetFunction and the mark that follows are not in it.
    """
    prior = prior_of(state)
    return Preflight(
        target=target,
        action=_action(prior, state),
        api_calls=1 + len(prior.provisioned) + len(prior.feeding),
        unsupported=_unsupported(state),
        risks=tuple(_risks(state)),
    )


def _action(prior: Prior, state: State) -> str:
    steps = [f"reserve 0 (was {shown(prior.reserved)})"]
    if state.reserved == 0:
        steps = ["keep reserve 0"]
    if feeding := len(prior.feeding):
        steps.append(f"disable {feeding} event source{'s' * (feeding > 1)}")
    if prior.provisioned:
        steps.append("remove provisioned concurrency on " + ", ".join(sorted(prior.provisioned)))
    return ", ".join(steps)


def _unsupported(state: State) -> str | None:
    if state.function.managed_instances:
        return "runs on Lambda Managed Instances, which reserved concurrency does not stop; set its scaling to 0: \
aws lambda put-function-scaling-config"
    if state.function.edge_replica:
        return "a Lambda@Edge replica cannot be stopped here; remove the function from its CloudFront distribution"
    return None


def _risks(state: State) -> Iterator[str]:
    if not state.function.dead_letters:
        yield "no dead-letter queue: asynchronous events sent while halted are lost unless a destination takes them"
    if state.provisioned:
        yield "Application Auto Scaling may put provisioned concurrency back"
    if state.function.durable:
        yield "durable executions that wait are not paused and may resume after the restore"
    for part in state.unreadable:
        yield f"cannot be read, so not halted with it: {part}"
